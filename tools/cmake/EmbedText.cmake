# cmake -D INPUT=file -D OUTPUT=file.cpp -D NAMESPACE=a::b -D NAME=kName -P EmbedText.cmake: a source
# file with the text of INPUT as a constant.
file(READ ${INPUT} text)
file(WRITE ${OUTPUT} "namespace ${NAMESPACE} {\n\nextern const char* const ${NAME};\n"
     "const char* const ${NAME} = R\"embedded(${text})embedded\";\n\n}  // namespace ${NAMESPACE}\n")
