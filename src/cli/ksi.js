#!/usr/bin/env node
// Plain old JavaScript: an older Node must be able to read this far, to say that it is too old.
var oldest = 26
var major = Number(process.versions.node.split('.')[0])
// `checkpoint create --best-effort` runs as a pre_stop hook: nothing may fail a stop, not even a broken source file.
var isBestEffort = process.argv.indexOf('--best-effort') !== -1

function fail(message, code) {
  process.stderr.write(message + '\n')
  process.exitCode = isBestEffort ? 0 : code
}

if (major < oldest) {
  fail(
    'ksi needs Node ' +
      oldest +
      ' or newer, this is ' +
      process.version +
      ': run it as `npx ksi …` or through the npm scripts, which find the pinned Node first, or install Node ' +
      oldest +
      '.',
    78,
  )
} else {
  import('node:module')
    .then(function (module) {
      // Measured: `ksi health` takes 40 ms with it, 110 without.
      module.enableCompileCache()
      return import('./main.ts')
    })
    .then(function (cli) {
      return cli.main(process.argv.slice(2))
    })
    .then(
      function (code) {
        process.exitCode = code
      },
      function (error) {
        fail('ksi could not run: ' + ((error && error.stack) || error), 70)
      },
    )
}
