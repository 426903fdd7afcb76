// Data reaches the page only as text nodes and attributes made here: nothing from a prompt, a file name or an error is
// ever parsed as HTML.
const byId = (id) => document.getElementById(id)
const colors = { pass: '#1a7f37', warn: '#bf8700', fail: '#cf222e', unknown: '#6e7781' }
const pollMs = 2_000

let latest
let polling
const stream = new EventSource('/events')

/** An element with children: strings become text, null is left out. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(
    ...children
      .filter((child) => child !== null && child !== undefined)
      .map((child) => (child instanceof Node ? child : String(child))),
  )
  return element
}

/** A time as "3 s ago", with the whole of it on hover; kept up to date by `tick`. */
function when(iso) {
  if (!iso) return '–'
  return make('time', { datetime: iso, title: `${new Date(iso).toLocaleString()} (${iso})` }, ago(iso))
}

function ago(iso) {
  const seconds = Math.round((Date.now() - Date.parse(iso)) / 1_000)
  const size = Math.abs(seconds)
  const text =
    size < 90
      ? `${size} s`
      : size < 5_400
        ? `${Math.round(size / 60)} min`
        : size < 129_600
          ? `${Math.round(size / 3_600)} h`
          : `${Math.round(size / 86_400)} d`
  return seconds < 0 ? `in ${text}` : `${text} ago`
}

function table(columns, rows, none) {
  if (rows.length === 0) return make('p', { class: 'none' }, none)
  const head = make('tr', {}, ...columns.map(([title]) => make('th', { scope: 'col' }, title)))
  const body = rows.map((row) => make('tr', {}, ...columns.map(([, cell]) => make('td', {}, cell(row) ?? '–'))))
  return make('div', { class: 'scroll' }, make('table', {}, make('thead', {}, head), make('tbody', {}, ...body)))
}

function show(id, ...children) {
  byId(id).replaceChildren(...children)
}

const files = (list) => (list.length === 0 ? '–' : list.join(', '))
const fromMs = (ms) => (ms === null || ms === undefined ? null : new Date(ms).toISOString())

function showState(status) {
  const { daemon, journal } = status
  const counts = journal.facts?.counts
  byId('state').dataset.status = status.status
  if (byId('summary').textContent !== status.summary) byId('summary').textContent = status.summary
  const facts = [
    ['Generation', status.generation ?? '–'],
    ['Phase', status.phase],
    ['Since', when(status.since)],
    ['Queued', counts?.queued ?? '–'],
    ['Running', counts?.processing ?? '–'],
    ['Completed', counts?.completed ?? '–'],
    ['Failed', counts ? `${counts.failed} (${journal.facts.lost} lost)` : '–'],
    [
      'Journal',
      daemon.facts ? `${daemon.facts.journal.path} (${daemon.facts.journal.kept ? 'kept' : 'not kept'})` : '–',
    ],
    [
      'Saves',
      daemon.facts
        ? `${daemon.facts.swaps} live, ${daemon.facts.failed_swaps} not; ${daemon.facts.crashes} crashes`
        : '–',
    ],
    ['Connections', daemon.facts?.connections ?? '–'],
  ]
  show('facts', ...facts.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))))
  const mark = { pass: '●', warn: '▲', fail: '✖' }[status.status] ?? '?'
  document.title = `${mark} ksi ${status.generation === null ? status.phase : `${status.phase} · generation ${status.generation}`}`
  const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${colors[status.status] ?? colors.unknown}"/></svg>`
  document.querySelector('link[rel=icon]').href = `data:image/svg+xml,${encodeURIComponent(icon)}`
}

function report(title, at, error, list = []) {
  return [
    make('h2', {}, title),
    make('p', {}, when(fromMs(at)), list.length > 0 ? ` · ${files(list)}` : ''),
    make('p', { class: 'message' }, error.message),
    error.stack ? make('details', {}, make('summary', {}, 'Stack'), make('pre', {}, error.stack)) : null,
  ].filter((child) => child !== null)
}

function showAlerts(facts) {
  const failure = byId('failure')
  const current = facts?.problem ? facts.last_failure : null
  const wasOpen = failure.querySelector('details')?.open
  failure.hidden = !current && !facts?.trouble
  failure.replaceChildren(
    ...(current
      ? report(`The last change did not become live (${current.phase})`, current.at, current.error, current.files)
      : []),
    ...(facts?.trouble
      ? report('An error nobody caught in the live generation', facts.trouble.at, facts.trouble.error)
      : []),
  )
  // A new document must not close what somebody is reading.
  if (wasOpen) failure.querySelector('details')?.setAttribute('open', '')
  const waiting = facts?.waiting_for_restart ?? []
  byId('waiting').hidden = waiting.length === 0
  show(
    'waiting',
    make('h2', {}, 'Waiting for a restart'),
    make(
      'p',
      {},
      `${files(waiting)} belong to the supervisor: `,
      make('code', {}, 'docker compose restart daemon'),
      ' or ',
      make('code', {}, 'ksi restart'),
    ),
  )
}

function phaseText(phases) {
  const { total, ...parts } = phases
  const text = Object.entries(parts).map(([name, ms]) => `${name} ${Math.round(ms)}`)
  return [total === undefined ? null : `${Math.round(total)} ms`, text.length > 0 ? `(${text.join(', ')})` : null]
    .filter(Boolean)
    .join(' ')
}

const restoredText = (restored) =>
  restored
    ? `${restored.queued} queued, ${restored.adopted} adopted, ${restored.requeued} again, ${restored.lost} lost${restored.poisoned > 0 ? `, ${restored.poisoned} quarantined` : ''}`
    : null

function showJournal(facts, live) {
  show(
    'running',
    table(
      [
        ['Request', (r) => r.request_id],
        ['Conversation', (r) => r.conversation],
        ['Model', (r) => r.model],
        ['Tries', (r) => r.attempts],
        ['Started', (r) => when(r.started_at)],
      ],
      facts?.running ?? [],
      'Nothing runs.',
    ),
  )
  show(
    'queues',
    table(
      [
        ['Conversation', (q) => q.conversation],
        ['Agent', (q) => q.agent_id],
        ['Queued', (q) => q.queued],
        ['Running', (q) => q.running],
        ['Not before', (q) => when(q.not_before)],
      ],
      facts?.queues ?? [],
      'Nothing is queued.',
    ),
  )
  show(
    'boots',
    table(
      [
        ['Generation', (b) => b.generation],
        ['When', (b) => when(b.at)],
        ['Cause', (b) => b.cause],
        ['Files', (b) => files(b.files)],
        ['Took', (b) => phaseText(b.phases)],
        ['Restored', (b) => restoredText(b.restored)],
        ['The one before', (b) => [b.previous_end, b.previous_detail].filter(Boolean).join(': ')],
        ['End', (b) => b.error?.message ?? b.end ?? (b.generation === live ? 'live' : 'none on record')],
      ],
      facts?.boots ?? [],
      'No boot is on record.',
    ),
  )
  show(
    'checkpoints',
    table(
      [
        ['No.', (c) => c.id],
        ['When', (c) => when(c.at)],
        ['Reason', (c) => c.reason],
        ['Generation', (c) => c.generation],
        ['Queued', (c) => c.queued],
        ['Running', (c) => c.active],
        ['Files', (c) => files(c.files)],
        ['Restored', (c) => when(c.restored_at)],
      ],
      facts?.checkpoints ?? [],
      'There is no checkpoint.',
    ),
  )
}

function showDocker(facts) {
  show(
    'containers',
    table(
      [
        ['Service', (c) => c.service],
        ['State', (c) => c.state],
        ['Health', (c) => c.health],
        ['Started', (c) => when(c.started_at)],
        ['Restarts', (c) => c.restart_count],
        ['Exit code', (c) => `${c.exit_code ?? '–'}${c.oom_killed ? ' (out of memory)' : ''}`],
        ['Name', (c) => c.name],
      ],
      facts?.containers ?? [],
      'Nothing is known of containers.',
    ),
  )
  show(
    'events',
    table(
      [
        ['When', (e) => when(e.at)],
        ['Service', (e) => e.service],
        ['What', (e) => e.action],
        ['Detail', (e) => e.detail],
      ],
      (facts?.events ?? []).toReversed(),
      'None.',
    ),
  )
}

function showSources({ daemon, journal, docker }) {
  const rows = Object.entries({ daemon, journal, docker }).map(([name, source]) => ({ name, ...source }))
  show(
    'sources',
    table(
      [
        ['Source', (s) => s.name],
        ['State', (s) => (s.ok ? 'answers' : 'does not answer')],
        ['Facts of', (s) => (s.ok ? 'now' : when(s.at))],
        ['Why', (s) => s.error],
      ],
      rows,
      '',
    ),
  )
}

function render(status) {
  latest = status
  showState(status)
  showAlerts(status.daemon.ok ? status.daemon.facts : null)
  showJournal(status.journal.facts, status.daemon.ok ? status.generation : undefined)
  showDocker(status.docker.facts)
  showSources(status)
}

function tick() {
  for (const element of document.querySelectorAll('time')) element.textContent = ago(element.dateTime)
}

function lost(text) {
  byId('link').textContent = text
  byId('state').dataset.status = 'unknown'
  byId('summary').textContent =
    `The sidecar does not answer.${latest ? ` Its last word, ${ago(latest.at)}: ${latest.summary}` : ''}`
  document.title = '? ksi (no answer from the sidecar)'
}

/** While the stream is down (a proxy that cuts it, a sidecar that restarts). */
async function poll() {
  try {
    const reply = await fetch('/status', { cache: 'no-store', signal: AbortSignal.timeout(pollMs) })
    render(await reply.json())
    byId('link').textContent = 'asking every 2 s'
  } catch {
    lost('trying again…')
  }
}

stream.addEventListener('snapshot', (event) => {
  clearInterval(polling)
  polling = undefined
  byId('link').textContent = 'live'
  render(JSON.parse(event.data))
})
stream.addEventListener('error', () => {
  polling ??= setInterval(poll, pollMs)
})
setInterval(tick, 1_000)
