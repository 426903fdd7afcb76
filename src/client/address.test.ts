import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTarget, readAddress, socketPathUnder } from './address.ts'
import { readSettings } from '../contracts/settings.ts'

test('every way to write an address is read, and formatted so that it can be read again', () => {
  const cases: [string, string][] = [
    ['unix:/tmp/a.sock', 'unix:/tmp/a.sock'],
    ['unix:///tmp/a.sock', 'unix:/tmp/a.sock'],
    ['/tmp/a.sock', 'unix:/tmp/a.sock'],
    ['var/run/daemon.sock', 'unix:var/run/daemon.sock'],
    ['daemon.sock', 'unix:daemon.sock'],
    ['localhost:4310', 'tcp://localhost:4310'],
    ['tcp://daemon:4310', 'tcp://daemon:4310'],
    ['tcp://[::1]:4310', 'tcp://[::1]:4310'],
  ]
  for (const [written, formatted] of cases) {
    assert.equal(formatTarget(readAddress(written)), formatted)
    assert.equal(formatTarget(readAddress(formatted)), formatted)
  }
})

test('what is no address is refused with the ways to write one', () => {
  for (const address of [
    '',
    'unix:',
    'localhost',
    'http://localhost:4310',
    'tcp://daemon',
    'localhost:0',
    'localhost:70000',
    'a b:1',
  ]) {
    assert.throws(() => readAddress(address), { code: 'KSI_BAD_REQUEST', message: /tcp:\/\/host:port/ }, address)
  }
})

test('a socket path the system cannot take is named as such', () => {
  assert.throws(() => readAddress(`/tmp/${'x'.repeat(100)}/daemon.sock`), { code: 'KSI_SOCKET_PATH_TOO_LONG' })
})

test('the default socket is where the settings of the daemon put it', () => {
  assert.equal(socketPathUnder('/some/root'), readSettings({ KSI_ROOT: '/some/root' }).paths.socket)
})
