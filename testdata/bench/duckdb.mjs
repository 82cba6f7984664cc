// The peer of the benchmark: DuckDB answers the comparable question in SQL. Per endpoint template: how many requests, p50 and
// p99 of the duration, how many were open in the 60 s before a death of their container, and how many of those were slow.
//
//   mkdir peer && (cd peer && npm install @duckdb/node-api)
//   (cd peer && node …/duckdb.mjs router|access|pino|dd best|regexp LOG CRASHES.csv [THREADS])
//   (cd peer && node …/duckdb.mjs version)
//
// LOG may be plain, .gz or .zst. Each format is asked in the quickest way that was found, reading no columns that are not
// needed; "regexp" takes router and access lines apart by regular expressions, as people do. Output: one line per endpoint, by suspicion.
import { createRequire } from 'module'

const { DuckDBInstance } = createRequire(process.cwd() + '/package.json')('@duckdb/node-api')
const [format, mode, file, crashes, threads = '2'] = process.argv.slice(2)
const instance = await DuckDBInstance.create(':memory:', { threads, memory_limit: '8GB', preserve_insertion_order: 'false' })
const db = await instance.connect()
const rows = async sql => (await db.runAndReadAll(sql)).getRows()

if (format === 'version') {
  console.log(String((await rows('SELECT version()'))[0][0]))
  process.exit(0)
}

const lines = `read_csv('${file}', columns={line:'VARCHAR'}, header=false, delim='\\x01', quote='', escape='', auto_detect=false, max_line_size=1000000)`
const sources = {
  'dd best': `SELECT epoch_ms(date) t, list_filter(tags, lambda x: starts_with(x,'container_name:'))[1][16:] ct,
    attributes.http.url_details.path path, attributes.duration//1000000 dur
    FROM read_ndjson('${file}', columns={date:'TIMESTAMP', tags:'VARCHAR[]',
      attributes:'STRUCT(http STRUCT(url_details STRUCT(path VARCHAR)), duration BIGINT)'}) WHERE attributes.http IS NOT NULL`,
  'pino best': `SELECT time t, hostname ct, split_part(req.url,'?',1) path, responseTime dur
    FROM read_ndjson('${file}', columns={time:'BIGINT', hostname:'VARCHAR', req:'STRUCT(url VARCHAR)', responseTime:'BIGINT'}) WHERE req IS NOT NULL`,
  'router best': `SELECT epoch_ms(substr(line,1,32)::TIMESTAMPTZ) t, split_part(split_part(line,' dyno=',2),' ',1) ct,
    split_part(split_part(split_part(line,' path="',2),'"',1),'?',1) path, split_part(split_part(line,' service=',2),'ms',1)::BIGINT dur
    FROM ${lines} WHERE contains(line,'heroku[router]')`,
  'router regexp': `SELECT epoch_ms(ts::TIMESTAMPTZ) t, m.ct ct, split_part(m.path,'?',1) path, m.dur::BIGINT dur FROM (
    SELECT substr(line,1,32) ts, regexp_extract(line, ' path="([^"]*)".* dyno=([^ ]+) .* service=([0-9]+)ms', ['path','ct','dur']) m
    FROM ${lines} WHERE contains(line,'heroku[router]'))`,
  'access best': `SELECT epoch_ms(strptime(day||zone,'[%d/%b/%Y:%H:%M:%S%z]')) t, ct, split_part(split_part(request,' ',2),'?',1) path, (dur*1000)::BIGINT dur
    FROM read_csv('${file}', columns={ip:'VARCHAR', ident:'VARCHAR', usr:'VARCHAR', day:'VARCHAR', zone:'VARCHAR', request:'VARCHAR', status:'VARCHAR',
      bytes:'VARCHAR', referer:'VARCHAR', agent:'VARCHAR', dur:'DOUBLE', ct:'VARCHAR'}, header=false, delim=' ', quote='"', escape='"', auto_detect=false)`,
  'access regexp': `SELECT epoch_ms(strptime(m.ts,'%d/%b/%Y:%H:%M:%S %z')) t, m.ct ct, split_part(m.path,'?',1) path, (m.dur::DOUBLE*1000)::BIGINT dur FROM (
    SELECT regexp_extract(line, '\\[([^\\]]+)\\] "[A-Z]+ ([^ ]+) [^"]*" [0-9]+ [0-9]+ "[^"]*" "[^"]*" ([0-9.]+) ([^ ]+)', ['ts','path','dur','ct']) m FROM ${lines})`,
}
const source = sources[`${format} ${mode}`]
if (!source) throw new Error(`there is no query for ${format} ${mode}`)
const ids = '/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{24}|[0-9]+)'
for (const r of await rows(`
  WITH died AS (SELECT * FROM read_csv('${crashes}', columns={ct:'VARCHAR', died:'BIGINT'}, header=false)),
  e AS (SELECT regexp_replace(path, '${ids}', '/*', 'g') ep, t, ct, dur FROM (${source}))
  SELECT ep, count(*) n, approx_quantile(dur, [0.5,0.99]) p, count(died) open, count(*) FILTER (died IS NOT NULL AND dur>=1000) slow
  FROM e LEFT JOIN died ON died.ct=e.ct AND e.t-e.dur < died AND e.t >= died-60000
  GROUP BY ep ORDER BY open::DOUBLE/greatest(n-open,1) DESC, ep`)) {
  console.log([r[0], r[1], ...r[2].items, r[3], r[4]].join('\t'))
}
