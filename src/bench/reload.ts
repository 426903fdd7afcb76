import { parseArgs } from 'node:util'
import { measureReload, phaseTable, reloadTable } from './reload-table.ts'

/* npm run bench:reload [-- --saves N --peer-saves N --json] */
const { values } = parseArgs({
  options: {
    saves: { type: 'string', default: '20' },
    'peer-saves': { type: 'string', default: '12' },
    json: { type: 'boolean', default: false },
  },
})
const figures = await measureReload({ saves: Number(values.saves), peerSaves: Number(values['peer-saves']) })
if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`)
else process.stdout.write(`${reloadTable(figures)}\n\n${phaseTable(figures)}\n`)
