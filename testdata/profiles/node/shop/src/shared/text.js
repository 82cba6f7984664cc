'use strict'
// A string that V8 keeps flat, so that its bytes are where it was made.
let n = 0
exports.text = function text (length) {
  n++
  let s = ''
  while (s.length < length) s += (n * 2654435761 % 4294967296).toString(36) + '-' + s.length
  return Buffer.from(s).toString('latin1')
}
