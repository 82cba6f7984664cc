'use strict'
const { text } = require('../shared/text')
const { setTimeout: sleep } = require('node:timers/promises')

exports.exportCarts = async function exportCarts (size) {
  const carts = await Promise.all(Array.from({ length: size }, (_, i) => loadCart(i)))
  return { carts: carts.length, bytes: carts.reduce((sum, c) => sum + c.items.length, 0) }
}

async function loadCart (i) {
  await sleep(1)
  const items = Array.from({ length: 200 }, (_, j) => ({ j, sku: text(60), options: { note: text(300) } }))
  await sleep(50)
  return { i, items }
}
