#!/usr/bin/env node
// Plain old JavaScript: an older Node must be able to read this far, to say that it is too old.
var limit = 26
var major = Number(process.versions.node.split('.')[0])
// `checkpoint create --best-effort` runs as a pre_stop hook: nothing may hold up or fail the stop, not even a broken source file.
var failureCode = process.argv.indexOf('--best-effort') === -1 ? undefined : 0

if (major < limit) {
  process.stderr.write(
    'ksi needs Node ' + limit + ' or newer, this is ' + process.version + ': run it as `npx ksi …` or through the npm scripts, which find the pinned Node first, or install Node ' + limit + '.\n',
  )
  process.exitCode = failureCode === undefined ? 78 : failureCode
} else {
  import('./main.ts')
    .then(function (cli) {
      return cli.main(process.argv.slice(2), process.env)
    })
    .then(
      function (code) {
        process.exitCode = code
      },
      function (error) {
        process.stderr.write('ksi could not run: ' + ((error && error.stack) || error) + '\n')
        process.exitCode = failureCode === undefined ? 70 : failureCode
      },
    )
}
