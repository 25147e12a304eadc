// Generates src/wire.gen.ts: the types of the schemas in openapi.yaml that src/wire.ts names, and of those they refer to.
// Usage: node scripts/wire.mjs [FILE]
import { readFileSync, writeFileSync } from 'node:fs'
import openapiTypeScript, { astToString } from 'openapi-typescript'

const fromRoot = (relative) => new URL(`../${relative}`, import.meta.url)

const declarations = await openapiTypeScript(fromRoot('../openapi.yaml'))
const components = declarations.find((node) => node.name?.text === 'components')
const schemas = components.members.find((member) => member.name.text === 'schemas').type.members
const texts = new Map(schemas.map((member) => [member.name.text, astToString(member)]))

const used = new Set()
function include(name) {
  if (used.has(name)) return
  used.add(name)
  for (const [, reference] of texts.get(name).matchAll(/components\["schemas"\]\["(\w+)"\]/g)) include(reference)
}
for (const [, name] of readFileSync(fromRoot('src/wire.ts'), 'utf8').matchAll(/Schemas\['(\w+)'\]/g)) include(name)

const lines = [...texts].filter(([name]) => used.has(name)).map(([, text]) => text)
const indented = lines.join('').replace(/^(?=.)/gm, '    ')
writeFileSync(
  process.argv[2] ?? fromRoot('src/wire.gen.ts'),
  `// Generated from openapi.yaml by \`npm run wire\`. Do not edit.\nexport interface components {\n  schemas: {\n${indented}  }\n}\n`
)
