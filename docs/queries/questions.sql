-- Ten questions about agents, for DuckDB, over a view `events` (of segments or of a Parquet replay) and, for the first,
-- a table `sessions` (of `tidemark sessions --json`). docs/ANALYTICS.md makes both.

-- 1. Tokens by agent and day
SELECT s.agent->>'id' AS agent, date_trunc('day', e.time)::DATE AS day,
       sum((e.event->'model_usage'->>'input_tokens')::BIGINT) AS input_tokens,
       sum((e.event->'model_usage'->>'output_tokens')::BIGINT) AS output_tokens
FROM events e JOIN sessions s ON s.id = e.session
WHERE e.type = 'span.model_request_end'
GROUP BY ALL ORDER BY day, agent;

-- 2. The slowest tools
SELECT u.event->>'name' AS tool, count(*) AS calls,
       median(r.time - u.time) AS half_within, quantile_cont(epoch_ms(r.time) - epoch_ms(u.time), 0.95) AS p95_ms
FROM events u JOIN events r
  ON r.session = u.session AND r.type = 'agent.tool_result' AND (r.event->>'tool_use_id') = u.id
WHERE u.type = 'agent.tool_use'
GROUP BY ALL ORDER BY p95_ms DESC, tool LIMIT 20;

-- 3. How often tools fail
SELECT u.event->>'name' AS tool, count(*) AS results,
       avg(coalesce((r.event->>'is_error')::BOOLEAN, false)::INTEGER) AS error_rate
FROM events r JOIN events u
  ON u.session = r.session AND u.type = 'agent.tool_use' AND u.id = (r.event->>'tool_use_id')
WHERE r.type = 'agent.tool_result'
GROUP BY ALL ORDER BY error_rate DESC, results DESC, tool;

-- 4. The longest sessions
SELECT session, count(*) AS events, sum(strlen(event::VARCHAR)) AS bytes, max(time) - min(time) AS lasted
FROM events GROUP BY session ORDER BY events DESC, session LIMIT 20;

-- 5. Cost by day, at these dollars a million tokens
SELECT date_trunc('day', time)::DATE AS day,
       sum((event->'model_usage'->>'input_tokens')::BIGINT * 3.0
         + (event->'model_usage'->>'output_tokens')::BIGINT * 15.0) / 1e6 AS dollars
FROM events WHERE type = 'span.model_request_end'
GROUP BY ALL ORDER BY day;

-- 6. What agents use most
SELECT event->>'name' AS tool, count(*) AS calls, count(DISTINCT session) AS sessions
FROM events WHERE type = 'agent.tool_use'
GROUP BY ALL ORDER BY calls DESC, tool LIMIT 20;

-- 7. Sessions and events by day
SELECT date_trunc('day', time)::DATE AS day, count(DISTINCT session) AS sessions, count(*) AS events
FROM events GROUP BY ALL ORDER BY day;

-- 8. What goes wrong
SELECT coalesce(event->'error'->>'message', event->>'message', type) AS error, count(*) AS times,
       count(DISTINCT session) AS sessions
FROM events WHERE type = 'session.error'
GROUP BY ALL ORDER BY times DESC, error LIMIT 20;

-- 9. Turns of a session
SELECT turns, count(*) AS sessions
FROM (SELECT session, count(*) FILTER (type = 'session.status_running') AS turns FROM events GROUP BY session)
GROUP BY turns ORDER BY turns;

-- 10. How long a person waits for an answer
SELECT median(answered - asked) AS half_within, max(answered - asked) AS longest, count(*) AS questions
FROM (SELECT time AS asked, type,
             min(time) FILTER (type = 'agent.message') OVER (
               PARTITION BY session ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS answered
      FROM events WHERE type IN ('user.message', 'agent.message'))
WHERE type = 'user.message' AND answered IS NOT NULL;
