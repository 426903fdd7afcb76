// The page is made by the server. This puts what the server sends in the place of what is there, and keeps what the
// reader does: scroll, selection, focus, what is opened, what is typed.
import { Idiomorph } from './idiomorph.js'

const root = document.documentElement
const silenceMs = 5_000
const stream = new EventSource(`/page/stream?of=${encodeURIComponent(location.pathname + location.search)}`)
let isPaused = false
let heardAt = Date.now()
const texts = new Map()

root.classList.remove('plain')

/** What belongs to the reader, or to the clock, is left as it is. */
const callbacks = {
  beforeNodeMorphed(old, fresh) {
    if (!(old instanceof Element && fresh instanceof Element)) return true
    if (old.tagName === 'TIME') return old.getAttribute('datetime') !== fresh.getAttribute('datetime')
    return !(old.id !== '' && old.id === fresh.id && old.dataset.text !== undefined)
  },
  beforeAttributeUpdated(name, element) {
    if (name === 'open' && element.tagName === 'DETAILS') return false
    return !(name === 'aria-pressed' || (name === 'value' && element === document.activeElement))
  },
}

function put(id, text) {
  const old = document.getElementById(id)
  if (old === null || (isPaused && id === 'main')) return
  Idiomorph.morph(old, text, { morphStyle: 'outerHTML', ignoreActiveValue: true, callbacks })
}

stream.addEventListener('patch', ({ data }) => {
  const { title, icon, parts } = JSON.parse(data)
  heard()
  document.title = title
  const link = document.querySelector('link[rel=icon]')
  if (link.href !== icon) link.href = icon
  for (const [id, text] of Object.entries(parts)) put(id, text)
  for (const id of texts.keys()) showText(id)
  tick()
  said('live')
})

stream.addEventListener('text', ({ data }) => {
  heard()
  const { id, attempt, text } = JSON.parse(data)
  const before = texts.get(id)
  texts.set(id, { attempt, text: before?.attempt === attempt ? before.text + text : text })
  showText(id)
})

stream.addEventListener('open', () => {
  texts.clear()
  heard()
})
stream.addEventListener('error', tick)

/** The text of what runs: all of it on its own page, the end of it in a list. */
function showText(id) {
  const place = document.getElementById(`text-${id}`)
  if (place === null) {
    texts.delete(id)
    return
  }
  const { text } = texts.get(id)
  const shown = place.dataset.whole === undefined ? text.slice(-160) : text
  if (place.firstChild === null) place.append(shown)
  else if (shown.startsWith(place.firstChild.data)) place.firstChild.appendData(shown.slice(place.firstChild.length))
  else place.firstChild.data = shown
}

function heard() {
  heardAt = Date.now()
  root.classList.remove('silent')
}

function said(text) {
  const place = document.getElementById('link')
  if (place !== null && place.textContent !== text) place.textContent = isPaused ? 'paused' : text
}

/** While nobody answers, what is there is old, and says so. */
function tick() {
  if (stream.readyState !== EventSource.OPEN && Date.now() - heardAt > silenceMs / 2) {
    root.classList.add('silent')
    said(`the sidecar does not answer: unknown since ${new Date(heardAt).toLocaleTimeString()}`)
    document.title = `? ksi (no answer since ${new Date(heardAt).toLocaleTimeString()})`
  }
  for (const element of document.querySelectorAll('time')) {
    const text = timeText(element)
    if (element.textContent !== text) element.textContent = text
  }
}

function timeText({ dateTime, dataset }) {
  if (dataset.clock !== undefined) return new Date(dateTime).toLocaleTimeString()
  return dataset.lasting === undefined ? ago(dateTime) : span(Date.now() - Date.parse(dateTime))
}

function ago(iso) {
  const ms = Date.now() - Date.parse(iso)
  return ms < 0 ? `in ${span(-ms)}` : `${span(ms)} ago`
}

function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 90) return `${seconds} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  return seconds < 129_600 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}

async function copy(button, text) {
  const words = button.textContent
  try {
    await navigator.clipboard.writeText(await text)
    button.textContent = 'Copied'
  } catch {
    button.textContent = 'Not copied'
  }
  setTimeout(() => (button.textContent = words), 1_500)
}

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button') : null
  if (button?.dataset.copy !== undefined) void copy(button, button.dataset.copy)
  if (button?.dataset.copyFrom !== undefined)
    void copy(
      button,
      fetch(button.dataset.copyFrom).then((reply) => reply.text()),
    )
  if (button?.dataset.pause !== undefined) {
    isPaused = !isPaused
    button.setAttribute('aria-pressed', String(isPaused))
    button.textContent = isPaused ? 'Go on' : 'Pause'
    said(isPaused ? 'paused' : 'live')
  }
})
setInterval(tick, 1_000)
tick()
