'use strict'
const { text } = require('../shared/text')

const products = new Map()
const recent = new Map() // bounded: at most 300 entries

exports.loadCatalogue = function loadCatalogue () {
  for (let i = 0; i < 3000; i++) products.set(String(i), { id: i, name: text(40), description: text(1500) })
}

exports.findProduct = function findProduct (id, mode) {
  const product = products.get(id) || { id, name: text(20), description: text(800) }
  if (mode === 'cache') rememberProduct(id, { ...product, summary: text(2000) })
  return { id: product.id, name: product.name }
}

function rememberProduct (id, product) {
  recent.delete(id)
  recent.set(id, product)
  if (recent.size > 300) recent.delete(recent.keys().next().value)
}
