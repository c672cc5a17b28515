# Makes of each line of a file a C string that ends with its newline.
s/["\\]/\\&/g
s/.*/"&\\n"/
