import type { Chunk } from '../../contracts/chunk.ts'
import type { ProviderContext } from '../providers/provider.ts'

/** A provider's context that keeps what it is told. */
export function makeContext(signal: AbortSignal = new AbortController().signal): ProviderContext & {
  chunks: Chunk[]
  progress: Record<string, unknown>[]
} {
  const chunks: Chunk[] = []
  const progress: Record<string, unknown>[] = []
  return {
    signal,
    chunks,
    progress,
    onChunk: (chunk) => chunks.push(chunk),
    onProgress: (data) => progress.push(data),
  }
}
