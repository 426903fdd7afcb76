import { closeSync, existsSync, openSync, readFileSync, readSync, statSync, writeSync } from 'node:fs'

/*
 * A damaged journal as one plain file to read from: what its file holds, with what its WAL holds over it. SQLite itself
 * gives up where a header is garbled, a file is cut or a frame of the WAL does not fit; most pages are whole then.
 * The formats are those of https://www.sqlite.org/fileformat2.html.
 */

/** What was found out on the way. */
export interface Image {
  path: string
  pageSize: number
  pages: number
  /** The file's own header can be believed: its version, its list of free pages. */
  headerIsWhole: boolean
  /** Pages that were not in use. */
  free: Set<number>
}

const magic = Buffer.from('SQLite format 3\0', 'latin1')
const usualPageSize = 4_096
const headerBytes = 100
const walHeaderBytes = 32
const frameHeaderBytes = 24
const chunkBytes = 1_048_576

/** Writes the image of the journal at `path` to `target`. Neither it nor its WAL is changed. */
export function writeImage(path: string, target: string): Image {
  const header = headOf(path, headerBytes)
  const wal = headOf(`${path}-wal`, walHeaderBytes)
  const headerIsWhole = header.subarray(0, 16).equals(magic) && isPageSize(header.readUInt16BE(16))
  const walSize = wal.length === walHeaderBytes ? wal.readUInt32BE(8) : 0
  const size = headerIsWhole ? header.readUInt16BE(16) : isPageSize(walSize) ? walSize : usualPageSize
  const fd = openSync(target, 'wx+', 0o600)
  try {
    copyWhole(path, fd, size)
    overlay(`${path}-wal`, fd, size)
    const pages = Math.floor(statSync(target).size / size)
    const image = { path: target, pageSize: size, pages, headerIsWhole, free: new Set<number>() }
    if (pages === 0) return image
    mendHeader(fd, image)
    if (headerIsWhole) findFree(fd, image)
    return image
  } finally {
    closeSync(fd)
  }
}

/** Reads a page of an open image; pages count from 1. */
export function readPage(fd: number, pageSize: number, page: number): Buffer {
  const buffer = Buffer.alloc(pageSize)
  readSync(fd, buffer, 0, pageSize, (page - 1) * pageSize)
  return buffer
}

function isPageSize(size: number): boolean {
  return size >= 512 && size <= 32_768 && (size & (size - 1)) === 0
}

function headOf(path: string, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  if (!existsSync(path) || !statSync(path).isFile()) return buffer
  const fd = openSync(path, 'r')
  try {
    readSync(fd, buffer, 0, bytes, 0)
    return buffer
  } finally {
    closeSync(fd)
  }
}

/** A sector that cannot be read is left out, and what comes after it is read. */
function copyWhole(path: string, target: number, pageSize: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size === 0) return
  const fd = openSync(path, 'r')
  try {
    const chunk = Buffer.alloc(chunkBytes)
    for (let at = 0; at < size; at += chunkBytes) {
      try {
        writeSync(target, chunk, 0, readSync(fd, chunk, 0, chunkBytes, at), at)
      } catch {
        for (let page = at; page < Math.min(size, at + chunkBytes); page += pageSize)
          copyPage(fd, target, page, pageSize)
      }
    }
  } finally {
    closeSync(fd)
  }
}

function copyPage(fd: number, target: number, at: number, pageSize: number): void {
  const page = Buffer.alloc(pageSize)
  try {
    readSync(fd, page, 0, pageSize, at)
  } catch {
    page.fill(0)
  }
  writeSync(target, page, 0, pageSize, at)
}

/**
 * Whether a WAL has whole frames behind one that is not: SQLite stops at that one, and what was committed after it
 * would be gone without a word.
 */
export function isTorn(path: string): boolean {
  if (!existsSync(path) || statSync(path).size <= walHeaderBytes) return false
  const wal = readFileSync(path)
  const pageSize = isPageSize(wal.readUInt32BE(8)) ? wal.readUInt32BE(8) : usualPageSize
  const whole = wholeFrames(wal, pageSize)
  return whole.some((frame, index) => frame !== index)
}

/** Lays every whole frame of the WAL over the pages, up to the last that ends a transaction. */
function overlay(path: string, target: number, pageSize: number): void {
  if (!existsSync(path)) return
  const wal = readFileSync(path)
  for (const frame of wholeFrames(wal, pageSize)) {
    const at = frameAt(frame, pageSize)
    writeSync(target, wal, at + frameHeaderBytes, pageSize, (wal.readUInt32BE(at) - 1) * pageSize)
  }
}

function frameAt(frame: number, pageSize: number): number {
  return walHeaderBytes + frame * (frameHeaderBytes + pageSize)
}

/** The whole frames of a WAL that count, up to the last that ends a transaction. */
function wholeFrames(wal: Buffer, pageSize: number): number[] {
  const frames = Math.max(0, Math.floor((wal.length - walHeaderBytes) / (frameHeaderBytes + pageSize)))
  const saltsOf = (frame: number): Buffer => wal.subarray(frameAt(frame, pageSize) + 8, frameAt(frame, pageSize) + 16)
  const whole = Array.from({ length: frames }, (_, frame) => frame).filter((frame) => isWhole(wal, frame, pageSize))
  const salts = newestSalts(wal.subarray(16, 24), whole.map(saltsOf))
  const counted = whole.filter((frame) => salts?.equals(saltsOf(frame)))
  const last = counted.findLastIndex((frame) => wal.readUInt32BE(frameAt(frame, pageSize) + 4) !== 0)
  return counted.slice(0, last + 1)
}

/**
 * The mark of the frames that count: those of before lie behind them. The WAL's header says it; where that is garbled,
 * its first number goes up each time the WAL is begun anew.
 */
function newestSalts(said: Buffer, there: Buffer[]): Buffer | undefined {
  if (there.some((salts) => salts.equals(said))) return said
  return there.reduce<Buffer | undefined>(
    (newest, salts) => (newest === undefined || salts.readUInt32BE(0) > newest.readUInt32BE(0) ? salts : newest),
    undefined,
  )
}

/**
 * A frame's checksum goes on from the one before, which stands in that frame's header: so one can be judged although
 * those before it are garbled, if only the last of them has its header.
 */
function isWhole(wal: Buffer, frame: number, pageSize: number): boolean {
  const at = frameAt(frame, pageSize)
  const before = frame === 0 ? 24 : frameAt(frame - 1, pageSize) + 16
  let [s0, s1] = [wal.readUInt32BE(before), wal.readUInt32BE(before + 4)]
  const add = (from: number, to: number): void => {
    for (let i = from; i < to; i += 8) {
      s0 = (s0 + wal.readUInt32LE(i) + s1) >>> 0
      s1 = (s1 + wal.readUInt32LE(i + 4) + s0) >>> 0
    }
  }
  add(at, at + 8)
  add(at + frameHeaderBytes, at + frameHeaderBytes + pageSize)
  return s0 === wal.readUInt32BE(at + 16) && s1 === wal.readUInt32BE(at + 20)
}

/** A header with which SQLite opens the image as it is: no WAL, and as many pages as there are. */
function mendHeader(fd: number, { pageSize, pages, headerIsWhole }: Image): void {
  const header = readPage(fd, pageSize, 1).subarray(0, headerBytes)
  if (!headerIsWhole) {
    header.fill(0)
    magic.copy(header)
    header.writeUInt16BE(pageSize, 16)
    header.set([64, 32, 32], 21)
    header.writeUInt32BE(1, 24)
    header.writeUInt32BE(1, 40)
    header.writeUInt32BE(4, 44)
    header.writeUInt32BE(1, 56)
  }
  header.set([1, 1], 18)
  header.writeUInt32BE(pages, 28)
  header.copy(header, 92, 24, 28)
  writeSync(fd, header, 0, headerBytes, 0)
}

/** What was deleted must not come back: the pages that are not in use are known by a list. */
function findFree(fd: number, { pageSize, pages, free }: Image): void {
  let trunk = readPage(fd, pageSize, 1).readUInt32BE(32)
  while (trunk > 0 && trunk <= pages && !free.has(trunk)) {
    free.add(trunk)
    const page = readPage(fd, pageSize, trunk)
    const count = Math.min(page.readUInt32BE(4), pageSize / 4 - 2)
    for (let i = 0; i < count; i++) free.add(page.readUInt32BE(8 + 4 * i))
    trunk = page.readUInt32BE(0)
  }
}
