// What each layer is there for, in the words of the panel that follows an op. Text only.

const ROLES = {
  step: 'One training step: from a batch of images to weights that are a little better. On a GPU ' +
    'the host only queues this work, and may be far ahead of it.',
  phase: {
    forward: 'The forward pass runs the network on one batch and ends in the loss. It writes ' +
      'down what the gradients will need.',
    backward: 'The backward pass walks the recorded ops in reverse order and asks each for its ' +
      'gradients.',
    update: 'The optimizer moves every weight against its gradient. All weights lie in one ' +
      'buffer, so that one kernel does it.',
    'next batch': 'The images of the next step are gathered on the device, beside other work.',
    metrics: 'Loss and accuracy are summed on the device, so that the host need not wait for them.',
    '': 'A part of the training step.',
  },
  module: 'A layer of the network. It owns weights and calls ops; it does not know which device ' +
    'they are on.',
  op: 'A function from tensors to tensors, with its gradient. It checks the shapes, allocates ' +
    'the result, and asks for a kernel.',
  rung: 'The choice of who does the arithmetic: a vendor’s library, or a kernel from this ' +
    'repository. It depends on --kernels, on the shapes, and on what was measured.',
  library: 'The vendor’s code. It knows many ways to do one operation, called engines or ' +
    'algorithms; the framework picks one for each shape, and lends it memory to work in.',
  runtime: 'The CUDA runtime turns a launch as C++ sees it into a call of the driver: it finds ' +
    'the kernel’s code for this card, and the stream it belongs to.',
  driver: 'The driver, libcuda, writes the kernel’s address, grid and arguments into a queue ' +
    'that the GPU reads. The call returns before the kernel has begun.',
  gpu: 'The work itself. A grid of blocks is spread over the multiprocessors once the stream’s ' +
    'earlier work is done. Only here are numbers multiplied.',
};

// Where an op has nothing on a layer, that says something, too.
const ABSENT = {
  library: 'No library: the kernel comes from this repository, and is launched directly.',
  driver: 'The runtime enters libcuda by a way of its own, of which no record is made: the time of ' +
    'its calls holds the driver’s. What stands here elsewhere are calls that a library makes itself.',
  gpu: 'No call goes further down: the rung is the kernel, and the host’s processor does the work.',
};

function roleOf(layer, name = '') {
  const role = ROLES[layer];
  if (role === undefined) return 'A layer that this page has no words for.';
  return typeof role === 'string' ? role : role[name] ?? role[''];
}

const LAYER_TITLES = {
  step: 'Training step', phase: 'Phase', module: 'Module', op: 'Op', rung: 'Rung: who computes',
  library: 'Library', runtime: 'CUDA runtime', driver: 'Driver', gpu: 'GPU',
};
const titleOf = layer => LAYER_TITLES[layer] ?? layer;

// What the parts of the host's and the GPU's time are, as the sums name them.
const SUMS = {
  framework: 'Strata’s own code', library: 'cuDNN, cuBLASLt', runtime: 'CUDA runtime',
  driver: 'libcuda', kernels: 'loops on this processor',
  waiting: 'the host waits for the GPU', busy: 'a kernel or copy runs',
  idle: 'the GPU has nothing to do',
};
