-- Every feature, written again from the raw lines and with other means than the code's: dates instead of days, one
-- question a query, windows as a table, LAG and ARG_MAX. Result: one row per customer and feature; what is 0 or empty
-- has no row. Reads lines(customer_id, date, order_id, product_id, amount_minor, is_return),
-- events(customer_id, date, kind, n), treatments(customer_id, date) and the variable `cutoff`, a date.
WITH
windows(suffix, days) AS (VALUES ('_7d', 7), ('_30d', 30), ('_90d', 90), ('_180d', 180), ('_365d', 365), ('', 999999)),
old_lines AS (SELECT *, getvariable('cutoff') - date AS age FROM lines WHERE date < getvariable('cutoff')),
old_events AS (SELECT *, getvariable('cutoff') - date AS age FROM events WHERE date < getvariable('cutoff') AND n > 0),
old_treatments AS (SELECT *, getvariable('cutoff') - date AS age FROM treatments WHERE date < getvariable('cutoff')),
bought AS (FROM old_lines WHERE NOT is_return),
purchases AS (
  SELECT customer_id, date, min(age) AS age, sum(amount_minor) / 100 AS worth, count(DISTINCT product_id) AS n_products
  FROM bought GROUP BY customer_id, date
),
gaps AS (
  SELECT customer_id, date, age, worth, date - lag(date) OVER (PARTITION BY customer_id ORDER BY date) AS gap
  FROM purchases
),
rhythm AS (
  SELECT customer_id, min(age) AS since, max(age) AS tenure, avg(gap) AS usual, stddev_samp(gap) AS spread, max(gap) AS longest,
         arg_max(gap, date) AS last_gap, min(date) AS first_date
  FROM gaps GROUP BY customer_id
),
orders AS (
  SELECT customer_id, order_id, sum(amount_minor) / 100 AS worth, count(*) AS n_lines
  FROM bought GROUP BY customer_id, date, order_id
),
first_bought AS (SELECT customer_id, product_id, max(age) AS age FROM bought GROUP BY customer_id, product_id),
net AS (SELECT customer_id, age, amount_minor / 100 AS money FROM old_lines),
-- recent, its length, everything in the longer window, its length
pairs(recent, longer) AS (VALUES (30, 90), (90, 180), (180, 365)),
changes AS (
  SELECT customer_id, recent, 'purchase' AS what, count(*) FILTER (age <= recent) / recent AS now,
         count(*) FILTER (age > recent) / (longer - recent) AS before
  FROM purchases JOIN pairs ON age <= longer GROUP BY customer_id, recent, longer
  UNION ALL
  SELECT customer_id, recent, 'spend', coalesce(sum(money) FILTER (age <= recent), 0) / recent,
         coalesce(sum(money) FILTER (age > recent), 0) / (longer - recent)
  FROM net JOIN pairs ON age <= longer GROUP BY customer_id, recent, longer
),
-- purchases numbered from the last
counted_back AS (
  SELECT customer_id, gap, worth, n_lines, row_number() OVER (PARTITION BY customer_id ORDER BY date DESC) AS nth
  FROM gaps JOIN (SELECT customer_id, date, count(*) AS n_lines FROM bought GROUP BY ALL) USING (customer_id, date)
),
cart_days AS (SELECT DISTINCT customer_id, date FROM old_events WHERE kind = 'cart_add' AND age <= 365),
found(customer_id, feature, value) AS (
  SELECT customer_id, 'n_purchases' || suffix, count(DISTINCT date) FROM bought JOIN windows ON age <= days GROUP BY ALL
  UNION ALL
  SELECT customer_id, 'n_orders' || suffix, count(DISTINCT (date, order_id)) FROM bought JOIN windows ON age <= days GROUP BY ALL
  UNION ALL
  SELECT customer_id, 'spend' || if(suffix = '', '_total', suffix), sum(money) FROM net JOIN windows ON age <= days GROUP BY ALL
  UNION ALL
  SELECT customer_id, 'returns' || if(suffix = '', '_total', suffix), -sum(amount_minor) / 100
  FROM old_lines JOIN windows ON age <= days WHERE is_return GROUP BY ALL
  UNION ALL
  SELECT customer_id, 'days_since_last_purchase', since FROM rhythm
  UNION ALL
  SELECT customer_id, 'tenure_days', tenure FROM rhythm
  UNION ALL
  SELECT customer_id, 'gap_mean', usual FROM rhythm
  UNION ALL
  SELECT customer_id, 'gap_sd', spread FROM rhythm
  UNION ALL
  SELECT customer_id, 'gap_last', last_gap FROM rhythm
  UNION ALL
  SELECT customer_id, 'gap_last_' || nth, gap FROM counted_back WHERE nth BETWEEN 2 AND 4
  UNION ALL
  SELECT customer_id, 'purchase_value_last_' || nth, worth FROM counted_back WHERE nth BETWEEN 2 AND 4
  UNION ALL
  SELECT customer_id, 'lines_last' || if(nth = 1, '', '_' || nth), n_lines FROM counted_back WHERE nth <= 4
  UNION ALL
  SELECT customer_id, 'gap_max', longest FROM rhythm
  UNION ALL
  SELECT customer_id, 'overdue_ratio', since / usual FROM rhythm
  UNION ALL
  SELECT customer_id, 'gap_change', last_gap / usual FROM rhythm
  UNION ALL
  SELECT customer_id, what || '_change_' || recent || 'd', (now - before) / (abs(now) + abs(before))
  FROM changes WHERE now <> 0 OR before <> 0
  UNION ALL
  SELECT customer_id, 'purchase_value_mean', avg(worth) FROM purchases GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'purchase_value_max', max(worth) FROM purchases GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'purchase_value_last', arg_max(worth, date) FROM purchases GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'order_value_mean', avg(worth) FROM orders GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'lines_per_order', avg(n_lines) FROM orders GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'return_share', coalesce(-sum(amount_minor) FILTER (is_return), 0) / sum(amount_minor) FILTER (NOT is_return)
  FROM old_lines GROUP BY customer_id HAVING sum(amount_minor) FILTER (NOT is_return) > 0
  UNION ALL
  SELECT customer_id, 'products_per_purchase', avg(n_products) FROM purchases GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'variety', count(*) FROM first_bought GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'new_product_share', count(*) FILTER (getvariable('cutoff') - date = first_bought.age) / count(*)
  FROM (SELECT DISTINCT customer_id, date, product_id FROM bought WHERE age <= 365)
  JOIN first_bought USING (customer_id, product_id) GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'n_' || kind || 's' || suffix, sum(n) FROM old_events JOIN windows ON age <= days GROUP BY ALL
  UNION ALL
  SELECT customer_id, 'n_treatments' || suffix, count(*) FROM old_treatments JOIN windows ON age <= days GROUP BY ALL
  UNION ALL
  SELECT customer_id, 'days_since_last_session', min(age) FROM old_events WHERE kind = 'session' GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'days_since_last_treatment', min(age) FROM old_treatments GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'cart_abandon_rate', avg(((customer_id, date) NOT IN (SELECT (customer_id, date) FROM purchases))::INT)
  FROM cart_days GROUP BY customer_id
  UNION ALL
  SELECT customer_id, 'first_purchase_season', (dayofyear(first_date) - 1) / 365.2425 FROM rhythm
  UNION ALL
  SELECT customer_id, 'cutoff_season', (dayofyear(getvariable('cutoff')::DATE) - 1) / 365.2425 FROM rhythm
)
SELECT customer_id, feature, value::DOUBLE AS expected
FROM found SEMI JOIN (FROM rhythm WHERE since <= 365) AS eligible USING (customer_id)
WHERE value IS NOT NULL
