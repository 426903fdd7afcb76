import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(ts|js|sql|html|css)$/.test(file))
  .map((file) => `src/${file}`)
const documents = [
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]

/** `docs/x.md`, or `docs/x.md, "A section"`: a comment may break the line in between. */
const mention = /(docs\/[\w-]+\.md)(?:,[\s/*-]*"([^"]+)")?/g

/** Where a text leaves its line in a comment is no part of it. */
function unwrapped(text: string): string {
  return text.replaceAll(/\s*\n\s*(?:\/\/|\*|--)?\s*/g, ' ')
}

function headings(document: string): string[] {
  return [...read(document).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading ?? '')
}

test('every document and every section the source names is there', () => {
  let mentions = 0
  for (const file of sources.filter((name) => !name.endsWith('documents.test.ts'))) {
    for (const [, document = '', section] of unwrapped(read(file)).matchAll(mention)) {
      mentions += 1
      assert.ok(existsSync(join(root, document)), `${file} names ${document}`)
      if (section !== undefined)
        assert.ok(headings(document).includes(section), `${file} names ${document}, "${section}"`)
    }
  }
  assert.ok(mentions > 10, `only ${mentions} mentions: the pattern finds nothing`)
})

test('the source names no document that is not in the repository', () => {
  const elsewhere = /\b(?:reference\/[\w-]+\.md|design\.md|ksi-wire|findings\.md|shared\/)/
  for (const file of sources.filter((name) => !name.endsWith('documents.test.ts')))
    assert.doesNotMatch(read(file), elsewhere, file)
})

test('every link from one document to another leads somewhere', () => {
  for (const document of documents) {
    for (const [, link = ''] of read(document).matchAll(/\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)/g)) {
      if (link !== '') assert.ok(existsSync(join(root, dirname(document), link)), `${document} links to ${link}`)
    }
  }
})

test('every file and folder a document names under src is there', () => {
  for (const document of documents) {
    for (const [, path = ''] of read(document).matchAll(/`(src\/[\w./-]+?)`/g))
      if (!/NAME|000N/.test(path)) assert.ok(existsSync(join(root, path)), `${document} names ${path}`)
  }
})

test('every row of the faults names a test, and what the user sees and what is kept', () => {
  for (const line of read('docs/faults.md').split('\n')) {
    if (!line.startsWith('|') || /^\| (?:---|what happens) /.test(line)) continue
    const cells = line.split('|').slice(1, -1)
    assert.equal(cells.length, 4, line)
    for (const cell of cells) assert.notEqual(cell.trim(), '', line)
    assert.match(cells[3] ?? '', /`src\/[\w./-]+\.test\.ts`/, line)
  }
})

interface Configuration {
  name: string
  request: string
  program?: string
  port?: number
  restart?: boolean
}

test('every task and launch configuration of the editor runs what there is', () => {
  const scripts = JSON.parse(read('package.json')).scripts as Record<string, string>
  const { tasks } = JSON.parse(read('.vscode/tasks.json')) as { tasks: { label: string; command: string }[] }
  const labels = ['up', 'down', 'logs', 'smoke', 'checkpoint', 'bench'].map((name) => `ksi: ${name}`)
  assert.deepEqual(
    labels.filter((label) => !tasks.some((task) => task.label === label)),
    [],
  )
  for (const { command } of tasks) {
    const [, script = ''] = /^npm (?:run (?:--silent )?)?(\S+)/.exec(command) ?? []
    assert.ok(command.startsWith('docker compose ') || script in scripts, command)
    const [, ours] = / ksi -- (\w+)/.exec(command) ?? []
    if (ours !== undefined) assert.ok(existsSync(join(root, `src/cli/commands/${ours}.ts`)), command)
  }
  const { configurations } = JSON.parse(read('.vscode/launch.json')) as { configurations: Configuration[] }
  for (const { name, request, program = '', port, restart } of configurations)
    if (request === 'launch') assert.ok(existsSync(join(root, program.replace('${workspaceFolder}/', ''))), name)
    else assert.deepEqual([port, restart], [9229, true], name)
})
