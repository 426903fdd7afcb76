import { Killer, addCrashEvent } from '../harness/killer.ts'
import { Ksi } from '../harness/ksi.ts'
import { Load } from '../harness/load.ts'
import { makeProject } from '../harness/project.ts'
import { chooseSeed, randomFrom } from '../harness/random.ts'
const seed = chooseSeed()
using project = makeProject()
addCrashEvent(project)
await using ksi = await Ksi.start(project)
using load = await Load.start({ address: ksi.socket, seed, senders: 8, subscribers: 3, restMs: 250, probeMs: 20 })
using killer = await Killer.create(ksi, load, randomFrom(seed))
for (let i = 0; i < 40; i++) {
  const at = Date.now()
  const n = ksi.log.length
  const k = await killer.kill('kill again', 80)
  if (k.startedMs > 500) {
    console.log('SLOW', i, Math.round(k.startedMs), k.signals)
    for (const e of ksi.log.slice(n)) if (e.msg !== 'run ended') console.log(Number(e.time) - at, e.name, String(e.msg).slice(0, 200), JSON.stringify(e.phases ?? ''), JSON.stringify(e.err ?? '').slice(0, 300))
  }
}
console.log(await load.finish())
