import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { prng } from '../../lib/prng.ts';
import { redacted } from './redact.ts';

type Case = readonly [argv: readonly string[], line: string];

const groups: Readonly<Record<string, readonly Case[]>> = {
  'long options': [
    [['app', '--password', 'hunter2', '--port', '80'], 'app --password *** --port 80'],
    [['app', '--password=hunter2'], 'app --password=***'],
    [['app', '--db-password=a;b,c&d e'], 'app --db-password=***'],
    [['app', '--dbPassword', 'x'], 'app --dbPassword ***'],
    [['app', '-password', 'x'], 'app -password ***'],
    [
      ['app', '--api_key', 'x', '--apikey=y', '--access-key', 'z'],
      'app --api_key *** --apikey=*** --access-key ***',
    ],
    [['app', '--token', '-starts-with-a-dash'], 'app --token ***'],
    [['app', '--auth', '--verbose'], 'app --auth --verbose'],
    [['app', '--token', '-v', 'x'], 'app --token -v x'],
    [
      ['app', '--password-file', '/run/secrets/a', '--no-password', '--pass-stdin'],
      'app --password-file /run/secrets/a --no-password --pass-stdin',
    ],
    [
      ['java', '-Dspring.datasource.password=x', '-jar', 'a.jar'],
      'java -Dspring.datasource.password=*** -jar a.jar',
    ],
    [['app', '--author', 'me', '--monkey', 'x'], 'app --author me --monkey x'],
  ],
  variables: [
    [['env', 'PGPASSWORD=x', 'psql'], 'env PGPASSWORD=*** psql'],
    [['env', 'AWS_SECRET_ACCESS_KEY=x', 'aws'], 'env AWS_SECRET_ACCESS_KEY=*** aws'],
    [['env', 'HOME=/root', 'a'], 'env HOME=/root a'],
  ],
  'short options of programs': [
    [['mysql', '-uroot', '-phunter2', 'shop'], 'mysql -uroot -p*** shop'],
    [['mysql', '-p', 'shop'], 'mysql -p shop'],
    [['sudo', '/usr/bin/mysqldump', '-phunter2'], 'sudo /usr/bin/mysqldump -p***'],
    [['redis-cli', '-h', 'r1', '-a', 'hunter2'], 'redis-cli -h r1 -a ***'],
    [['sshpass', '-p', 'hunter2', 'ssh', 'web'], 'sshpass -p *** ssh web'],
    [['sshpass', '-phunter2', 'ssh', 'web'], 'sshpass -p*** ssh web'],
    [['curl', '-u', 'me:hunter2', 'https://a.example'], 'curl -u *** https://a.example'],
    [['curl', '--user', 'me:hunter2', '--proxy-user=me:hunter2'], 'curl --user *** --proxy-user=***'],
    [['curl', '-ume:hunter2', '--compressed'], 'curl -u*** --compressed'],
    [['ldapsearch', '-x', '-w', 'hunter2'], 'ldapsearch -x -w ***'],
    [['docker', 'login', '-u', 'me', '-p', 'hunter2'], 'docker login -u me -p ***'],
    [['docker', 'run', '-p', '80:80', 'nginx'], 'docker run -p 80:80 nginx'],
    [['snmpwalk', '-v2c', '-c', 'hunter2', 'sw1'], 'snmpwalk -v2c -c *** sw1'],
    [['openssl', 'rsa', '-passin', 'pass:hunter2'], 'openssl rsa -passin ***'],
    [['ssh', '-p', '22', 'web'], 'ssh -p 22 web'],
  ],
  headers: [
    [['curl', '-H', 'Authorization: Bearer hunter2', 'a.example'], "curl -H 'Authorization: ***' a.example"],
    [['curl', '-H', 'X-Api-Key: hunter2'], "curl -H 'X-Api-Key: ***'"],
    [['curl', '-H', 'Accept: text/plain'], "curl -H 'Accept: text/plain'"],
  ],
  addresses: [
    [['psql', 'postgres://me:hunter2@db:5432/shop'], 'psql postgres://me:***@db:5432/shop'],
    [['app', 'amqp://:hunter2@mq'], 'app amqp://:***@mq'],
    [['app', 'https://me:p@ss:word@a.example/x'], 'app https://me:***@a.example/x'],
    [['git', 'clone', 'https://hunter2@a.example/r.git'], 'git clone https://***@a.example/r.git'],
    [['git', 'clone', 'ssh://git@a.example/r.git'], 'git clone ssh://git@a.example/r.git'],
    [['psql', 'postgres://me:hun/ter?2@db/shop'], 'psql postgres://me:***@db/shop'],
    [['app', 'me:hun/ter2@tcp(db:3306)/shop'], 'app me:***@tcp(db:3306)/shop'],
    [['app', 'me:hunter2@tcp(db:3306)/shop'], 'app me:***@tcp(db:3306)/shop'],
    [
      ['wget', 'https://a.example/x?user=me&sig=hunter2&page=2'],
      'wget https://a.example/x?user=me&sig=***&page=2',
    ],
    [['app', 'Server=db;Password=hunter2;Pooling=true'], 'app Server=db;Password=***;Pooling=true'],
    [['app', '--url=http://a.example:8080/x'], 'app --url=http://a.example:8080/x'],
    [['scp', 'me@a:/x', 'b:/y'], 'scp me@a:/x b:/y'],
    [['app', '{"user":"me","password":"a, b"}'], `app '{"user":"me","password":***}'`],
  ],
  'commands in a shell': [
    [['sh', '-c', 'mysql -uroot -phunter2 shop'], "sh -c 'mysql -uroot -p*** shop'"],
    [['sh', '-c', 'env PGPASSWORD=hunter2 psql -h db'], "sh -c 'env PGPASSWORD=*** psql -h db'"],
    [['sh', '-c', 'PGPASSWORD=hunter 2'], 'sh -c PGPASSWORD=***'],
    [['sh', '-c', 'curl -H "Authorization: Bearer hunter2" a'], `sh -c 'curl -H "Authorization: ***" a'`],
    [['sh', '-c', 'app --password "hunter 2" --port 80'], "sh -c 'app --password *** --port 80'"],
    [['sh', '-c', `env DB_PASSWORD='hunter 2' app`], "sh -c 'env DB_PASSWORD=*** app'"],
    [['sh', '-c', 'curl -H "Authorization: Custom hunter 2" a'], `sh -c 'curl -H "Authorization: ***" a'`],
    [['sh', '-c', 'app --token hunter2'], "sh -c 'app --token ***'"],
    [['app --password hunter2 as its title'], 'app --password *** as its title'],
  ],
  tokens: [
    [['app', 'ghp_16C7e42F292c6912E7710c838347Ae178B4a'], 'app ***'],
    [['app', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN'], 'app ***'],
    [['app', 'AKIAIOSFODNN7EXAMPLE'], 'app ***'],
    [['app', '72f7f152-440c-66ac-9084-e0fc1d8a910c'], 'app ***'],
    [['app', '--data=9bca8d63d5fa610783847915bcff0ecac1273e5b'], 'app --data=***'],
    [['app', '-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----'], 'app ***'],
  ],
  'what is no secret': [
    [
      ['/usr/lib/postgresql/15/bin/postgres', '-D', '/var/lib/postgresql/15/main'],
      '/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main',
    ],
    [
      [
        'java',
        '-cp',
        '/opt/kafka_2.13-3.7.0/libs/*',
        'org.apache.kafka.common.serialization.StringDeserializer',
      ],
      'java -cp /opt/kafka_2.13-3.7.0/libs/* org.apache.kafka.common.serialization.StringDeserializer',
    ],
    [
      ['node', '--max-old-space-size=4096', 'server.js', '--listen', '0.0.0.0:8080'],
      'node --max-old-space-size=4096 server.js --listen 0.0.0.0:8080',
    ],
    [['nginx: worker process'], 'nginx: worker process'],
    [['app', 'a word', "it's", ''], `app 'a word' 'it'\\''s' ''`],
    [
      ['app', '2026-11-30T05:33:34Z', '1234567890123456789012345678901'],
      'app 2026-11-30T05:33:34Z 1234567890123456789012345678901',
    ],
  ],
};

for (const [group, cases] of Object.entries(groups))
  describe(group, () => {
    for (const [argv, line] of cases) test(argv.join(' '), () => assert.equal(redacted(argv), line));
  });

/** Text by chance, of these characters. */
function chance(alphabet: string, random: ReturnType<typeof prng>, [min, max]: readonly [number, number]) {
  const length = min + random.below(max - min + 1);
  return Array.from({ length }, () => alphabet[random.below(alphabet.length)]).join('');
}

const [lower, upper, digits] = ['abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '0123456789'];
const printableAscii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join('');

const halves = (text: string) => [text.slice(0, text.length / 2), text.slice(text.length / 2)];

describe('any secret', () => {
  const spellings: Readonly<Record<string, (secret: string) => readonly string[]>> = {
    option: (secret) => ['app', '--password', secret, '--port', '80'],
    'option with =': (secret) => ['app', `--client-secret=${secret}`],
    variable: (secret) => ['env', `DB_PASSWORD=${secret}`, 'app'],
    'mysql -p': (secret) => ['mysql', `-p${secret}`],
    'redis-cli -a': (secret) => ['redis-cli', '-a', secret],
    'curl -u': (secret) => ['curl', '-u', `me:${secret}`],
    header: (secret) => ['curl', '-H', `Authorization: Bearer ${secret}`],
    'in a shell': (secret) => ['sh', '-c', `exec app --token ${secret} --port 80`],
    address: (secret) => ['app', `postgres://me:${encodeURIComponent(secret)}@db/shop`],
    query: (secret) => ['app', `https://a.example/?token=${encodeURIComponent(secret)}`],
  };
  for (const [title, argv] of Object.entries(spellings))
    test(`${title}: no half of it is in the line`, () => {
      const random = prng(7);
      for (let round = 0; round < 300; round++) {
        const secret = chance(printableAscii, random, [8, 40]).replace(/^[-/]/, 'x');
        const line = redacted(argv(secret));
        for (const shown of [secret, encodeURIComponent(secret)].flatMap(halves))
          assert.ok(!line.includes(shown), line);
      }
    });

  const alphabets = {
    hexadecimal: [`${digits}abcdef`, 32],
    'base 36': [lower + digits, 40],
    'base 62': [lower + upper + digits, 32],
    'base 64': [`${lower}${upper}${digits}+/`, 64],
    'base 64 of addresses': [`${lower}${upper}${digits}-_`, 40],
  } as const;
  for (const [title, [alphabet, length]] of Object.entries(alphabets))
    test(`a token by chance, ${title}: is not in the line, whatever its option is called`, () => {
      const random = prng(11);
      for (let round = 0; round < 300; round++) {
        const token = chance(alphabet, random, [length, 64]);
        for (const argv of [
          ['app', token],
          ['app', `--x=${token}`],
          ['app', `https://a.example/?q=${token}`],
        ])
          assert.ok(!redacted(argv).includes(token), token);
      }
    });
});
