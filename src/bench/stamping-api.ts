import { setTimeout as delay } from 'node:timers/promises'
import { FakeApi, openAiEvents } from '../testing/fake-api.ts'

/** A far end that gives `chunks` pieces of text, each the time at which it is given, in epoch ms. */
export function startStampingApi({ chunks, everyMs }: { chunks: number; everyMs: number }): Promise<FakeApi> {
  const [head = ''] = openAiEvents('')
  const tail = openAiEvents('').slice(2)
  return FakeApi.start(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(head)
    const began = performance.now()
    for (let n = 1; n <= chunks && !response.destroyed; n++) {
      const leftMs = began + n * everyMs - performance.now()
      if (leftMs > 0) await delay(leftMs)
      // As openAiEvents does it, without making its pieces of four characters of the stamp.
      const choice = { index: 0, delta: { content: `${Date.now()} ` }, finish_reason: null }
      const event = { id: 'c1', object: 'chat.completion.chunk', model: 'm', choices: [choice] }
      response.write(`data: ${JSON.stringify(event)}\n\n`)
    }
    response.end(tail.join(''))
  })
}
