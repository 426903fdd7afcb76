import { parseArgs } from 'node:util'
import { measureSaves, phaseTable, savesTable } from './saves-table.ts'

/* npm run bench:saves [-- --saves N --peer-saves N --json] */
const { values } = parseArgs({
  options: {
    saves: { type: 'string', default: '20' },
    'peer-saves': { type: 'string', default: '12' },
    json: { type: 'boolean', default: false },
  },
})
const figures = await measureSaves({ saves: Number(values.saves), peerSaves: Number(values['peer-saves']) })
if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`)
else process.stdout.write(`${savesTable(figures)}\n\n${phaseTable(figures)}\n`)
