import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  answerUrl,
  evidenceView,
  homeId,
  otherQuestion,
  overviewUrl,
  pageUrl,
  readView,
  searchUrl,
  withParam,
} from './view.ts';
import type { View } from './view.ts';

const hub = 'http://127.0.0.1:7400';

function read(path: string): View {
  return readView(new URL(path, hub));
}

const whole: View = {
  question: 'any-question',
  range: { since: '15m' },
  host: 'web-1',
  environment: 'production',
  own: true,
  params: { process: 'a&b=c #?%', sort: 'failed' },
  sort: { column: 'bytes.sent', descending: true },
  row: '5f1c22ab.1',
};

describe('the URL is the view', () => {
  test('there and back', () => {
    assert.deepEqual(read(pageUrl(whole)), whole);
    const fixed = { ...whole, range: { from: '2026-11-25T12:00:00.000Z', to: '2026-11-25T13:00:00.000Z' } };
    assert.deepEqual(read(pageUrl(fixed)), fixed);
    const ascending = { ...whole, sort: { column: 'a', descending: false }, row: undefined };
    assert.deepEqual(read(pageUrl(ascending)), ascending);
  });

  test('what is as it would be anyway is not in it', () => {
    assert.equal(pageUrl(read('/#q')), '/#q');
    assert.equal(pageUrl(read('/?since=1h&own=false&host=#q')), '/#q');
    assert.equal(pageUrl(read('/')), '/');
  });

  test('an id that is no word stays itself', () => {
    const odd = { ...read('/'), question: 'a/b?c%d' };
    assert.equal(read(pageUrl(odd)).question, 'a/b?c%d');
    // Written by hand, not rightly encoded: still shown, still unknown.
    assert.equal(read('/#100%').question, '100%');
  });

  test('half a range is none', () => {
    assert.deepEqual(read('/?from=2026-11-25T12:00:00Z#q').range, { since: '1h' });
  });
});

describe('answerUrl', () => {
  test('asks what the page shows, with its range always said', () => {
    assert.equal(answerUrl(read('/#q')), '/api/v1/questions/q?since=1h');
    const query = new URL(answerUrl(whole, 'csv'), hub).searchParams;
    assert.deepEqual(Object.fromEntries(query), {
      since: '15m',
      host: 'web-1',
      environment: 'production',
      own: 'true',
      process: 'a&b=c #?%',
      sort: 'failed',
      format: 'csv',
    });
  });

  test('how the answer is looked at is not asked', () => {
    assert.equal(answerUrl(read('/#q?sort=-failed&row=1')), answerUrl(read('/#q')));
  });

  test('the page decides on the format', () => {
    assert.equal(answerUrl(read('/?format=csv#q')), '/api/v1/questions/q?since=1h');
  });
});

test('another question keeps range and scope, and nothing that only this one understands', () => {
  assert.equal(
    pageUrl(otherQuestion(whole, 'b')),
    '/?since=15m&host=web-1&environment=production&own=true#b',
  );
});

test('a parameter set to its default leaves the URL', () => {
  const set = withParam(read('/#q?row=1'), { name: 'min', value: '5', unset: '1' });
  assert.equal(pageUrl(set), '/?min=5#q');
  assert.equal(pageUrl(withParam(set, { name: 'min', value: '1', unset: '1' })), '/#q');
});

test('a search, its facets and its tail are asked of one view', () => {
  const view = read('/?since=15m&host=web-1&filter=a%3D1&table=dns&live=true&limit=1000#search');
  const filter = 'host=web-1&filter=a%3D1&table=dns';
  assert.equal(searchUrl(view, 'search'), `/api/v1/search?since=15m&${filter}&limit=1000`);
  assert.equal(searchUrl(view, 'facets'), `/api/v1/facets?since=15m&${filter}`);
  assert.equal(searchUrl(view, 'tail'), `/api/v1/tail?${filter}`);
  assert.equal(searchUrl(read('/#search'), 'search'), '/api/v1/search?since=1h&limit=200');
});

test('what the page opens with has no fragment, and an overview of range and scope', () => {
  const home = otherQuestion(whole, homeId);
  assert.equal(pageUrl(home), '/?since=15m&host=web-1&environment=production&own=true');
  assert.equal(overviewUrl(read('/?min=5')), '/api/v1/overview?since=1h');
  assert.equal(overviewUrl(home), '/api/v1/overview?since=15m&host=web-1&environment=production&own=true');
});

test('evidence of a finding is the question, asked for exactly that', () => {
  const query = { from: '2026-11-25T12:00:00Z', to: '2026-11-25T13:00:00Z', host: 'web-1', process: 'a b' };
  const view = evidenceView({ question: 'any-question', evidence: { query, rows: [] } });
  assert.deepEqual(view.range, { from: query.from, to: query.to });
  assert.deepEqual([view.question, view.host, view.params], ['any-question', 'web-1', { process: 'a b' }]);
});
