'use strict'
// Records one life of the service: node record.js MODE CONTAINER OUT [heap limit in MB]. MODE is leak, cache or burst. Run it in a
// copy of this folder at /srv/shop after installing the dependencies, so that the profiles name files a reader can place.
const { spawn } = require('node:child_process')
const { mkdirSync } = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')

const [mode, container, out, limit = '512'] = process.argv.slice(2)
const port = 18080 + Math.floor(Math.random() * 1000)
const base = `http://127.0.0.1:${port}`
const get = async (path, method = 'GET') => (await fetch(base + path, { method })).arrayBuffer()

async function main () {
  mkdirSync(out, { recursive: true })
  const server = spawn('node', [`--max-old-space-size=${limit}`, 'server.js', port, out, container, mode], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => server.stdout.once('data', resolve))
  for (let round = 1; round <= 10; round++) {
    for (let i = 0; i < 40; i++) {
      await Promise.all([
        get(`/api/orders/${round * 100 + i}/invoice`), get(`/api/orders/${round * 100 + 50 + i}/invoice`),
        get(`/api/products/${round * 37 + i * 11}`), get(`/api/products/${10000 + round * 400 + i * 7}`), get(`/api/products/${20000 + round * 400 + i * 7}`),
        get('/api/carts', 'POST')
      ])
    }
    await get('/api/carts/export?size=20')
    await sleep(1500)
    await get('/profile')
    if (mode === 'burst' && round === 4) {
      await get('/api/carts/export?size=20000').catch(() => {})
      break
    }
  }
  server.kill()
}
main()
