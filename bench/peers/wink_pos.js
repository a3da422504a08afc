// Tags tokenised text (one sentence a line) with wink-pos-tagger on one thread.
// usage: NODE_PATH=.../node_modules node wink_pos.js FILE      prints seconds and tokens
const fs = require('fs');
const tagger = require('wink-pos-tagger')();

const sentences = fs.readFileSync(process.argv[2], 'utf8').split('\n').map((line) => line.split(' ').filter(Boolean));
const start = process.hrtime.bigint();
let tokens = 0;
for (const sentence of sentences) {
  tokens += tagger.tagRawTokens(sentence).length;
}
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
console.log(`${seconds.toFixed(3)} ${tokens}`);
