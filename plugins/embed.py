"""embed.py NAME OUTPUT INPUT...: texts as one C array that ends with 0.

Several inputs are JSON Schemas: the first one, with the properties of the others added to its own."""
import json
import sys

name, target, *sources = sys.argv[1:]
with open(sources[0], 'rb') as f:
    content = f.read()
if len(sources) > 1:
    schema = json.loads(content)
    for source in sources[1:]:
        with open(source, 'rb') as f:
            schema['properties'].update(json.load(f)['properties'])
    content = json.dumps(schema, separators=(',', ':')).encode()
rows = [', '.join(str(byte) for byte in content[i:i + 20]) for i in range(0, len(content), 20)]
with open(target, 'w') as f:
    f.write(f'extern const char {name}[];\nconst char {name}[] = {{\n')
    f.writelines(f'\t{row},\n' for row in rows)
    f.write('\t0\n};\n')
