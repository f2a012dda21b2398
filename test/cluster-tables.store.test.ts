/** The store itself, and what goes from it, on a cluster of two shards. */
process.env['SONDE_TEST_SHARDS'] = '2';
await import('../src/hub/store/store.store.test.ts');
await import('../src/hub/store/disk.store.test.ts');
