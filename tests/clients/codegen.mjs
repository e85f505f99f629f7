// TypeScript for a schema and documents by graphql-codegen's core: node codegen.mjs SCHEMA DOCUMENTS OUTPUT
import { readFileSync, writeFileSync } from 'node:fs'
import { codegen } from '@graphql-codegen/core'
import * as operations from '@graphql-codegen/typescript-operations'
import * as types from '@graphql-codegen/typescript'
import { parse } from 'graphql'

const [schema, documents, filename] = process.argv.slice(2)
const config = {
  strictScalars: true,
  scalars: { Cursor: 'string', DateTime: 'string', JSON: 'unknown' },
  enumsAsTypes: true,
}
const code = await codegen({
  schema: parse(readFileSync(schema, 'utf8')),
  documents: [{ location: documents, document: parse(readFileSync(documents, 'utf8')) }],
  filename,
  config,
  plugins: [{ types: {} }, { operations: {} }],
  pluginMap: { types, operations },
})
writeFileSync(filename, code)
console.log(JSON.stringify({ size: code.length }))
