// What graphql-eslint's recommended and Relay rules say of a schema: node lint.mjs SCHEMA
import { readFileSync } from 'node:fs'
import graphql from '@graphql-eslint/eslint-plugin'
import { Linter } from 'eslint'

const rules = {
  ...graphql.configs['flat/schema-recommended'].rules,
  ...graphql.configs['flat/schema-relay'].rules,
  // An id is for what `node` can find again, and GraphQL itself holds Node's types to theirs. The rest is a part or an answer.
  '@graphql-eslint/strict-id-in-types': 'off',
  // Relay's specification asks for one direction at least. Hits and events are read onward only.
  '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
  // `nodes` beside `edges` saves a level where no cursor is needed, and plain lists are no pages. A hit and an event are
  // told once and cannot be asked for again, so they are no Node; those of the two other connections are.
  '@graphql-eslint/relay-edge-types': [
    'error',
    { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
  ],
}
const source = readFileSync(process.argv[2], 'utf8')
const config = {
  files: ['**/*.graphql'],
  languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: process.argv[2] } } },
  plugins: { '@graphql-eslint': graphql },
  rules,
}
const found = new Linter({ configType: 'flat' }).verify(source, [config], { filename: 'schema.graphql' })
console.log(JSON.stringify(found.map(({ ruleId, line, message }) => ({ ruleId, line, message }))))
