'use strict'
// node server.js PORT PROFILE_DIR CONTAINER [leak|cache|burst]
const fs = require('node:fs')
const path = require('node:path')
const express = require('express')
const pprof = require('@datadog/pprof')

const [port, dir, container, mode = 'cache'] = process.argv.slice(2)
pprof.heap.start(128 * 1024, 64)

const stamp = () => new Date().toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')
const write = (profile, suffix) =>
  fs.writeFileSync(path.join(dir, `${container}_${stamp()}${suffix}.pb.gz`), pprof.encodeSync(profile))
pprof.heap.monitorOutOfMemory('auto', 1, false, [], (profile) => write(profile, '_oom'), pprof.heap.CallbackMode.Interrupt)

const { loadCatalogue, findProduct } = require('./src/catalogue/catalogue')
const { renderInvoice } = require('./src/billing/render-invoice')
const { exportCarts } = require('./src/carts/export-carts')
const { text } = require('./src/shared/text')

loadCatalogue()
const app = express()
app.get('/api/products/:id', (req, res) => res.json(findProduct(req.params.id, mode)))
app.get('/api/orders/:id/invoice', async (req, res) => res.json(await renderInvoice(req.params.id, mode)))
app.get('/api/carts/export', async (req, res) => res.json(await exportCarts(Number(req.query.size || 50))))
app.post('/api/carts', (req, res) => res.json({ id: text(200).length }))
app.get('/profile', (req, res) => { write(pprof.heap.profile(), ''); res.end() })
app.listen(Number(port), '127.0.0.1', () => console.log('listening'))
