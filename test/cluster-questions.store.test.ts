/** The cases of the questions on a cluster of two shards; `npm run test:cluster` has all that have a store. */
process.env['SONDE_TEST_SHARDS'] = '2';
await import('./questions.store.test.ts');
