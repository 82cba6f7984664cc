'use strict'
const { text } = require('../shared/text')
const { setTimeout: sleep } = require('node:timers/promises')

const rendered = new Map() // the leak: nothing is ever removed

exports.renderInvoice = async function renderInvoice (id, mode) {
  await sleep(2)
  const lines = Array.from({ length: 20 }, (_, i) => ({ i, label: text(30), price: i * 7 }))
  const html = lines.map((line) => `<tr>${line.label}</tr>`).join('')
  if (mode === 'leak') rememberInvoice(id, lines)
  return { id, size: html.length }
}

function rememberInvoice (id, lines) {
  rendered.set(`${id}-${rendered.size}`, { lines, pages: lines.map((l) => ({ ...l, footer: text(700) })) })
}
