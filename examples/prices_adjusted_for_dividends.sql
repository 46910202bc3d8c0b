-- Adds total-return prices to a DuckDB database that `make sync` wrote: stock_prices, adjusted for dividends too.
--
-- docs/total-returns.md says how to run it, what you get, and what its limits are. These are views, so they always show the
-- latest sync. Everything refers to today's shares, like stock_prices and split_adjusted_cash_amount.
--
-- A share that closes at 50 and pays 2 opens at about 48 the next day, the ex-date, and nobody has lost anything. So
-- all prices before it are multiplied by 1 - 2/50, and those before several ex-dates by all their factors.

SELECT CASE WHEN count(DISTINCT table_name) < 2 THEN
    error('These views need the tables stock_prices and dividends. Sync both streams into this database, and try again.')
END
FROM information_schema.tables
WHERE table_name IN ('stock_prices', 'dividends');

CREATE OR REPLACE VIEW split_adjusted_prices AS
WITH gaps AS (  -- in days; a bar of a week or a month is never nearer to the next than that
    SELECT date - lag(date) OVER (PARTITION BY stock_ticker ORDER BY date) AS gap
    FROM (SELECT DISTINCT stock_ticker, date FROM stock_prices)
)
SELECT stock_ticker, date, timestamp, open, high, low, close
FROM stock_prices
WHERE CASE
    WHEN NOT adjusted THEN error('stock_prices has prices as traded, on another basis at each split. '
        'Set "adjusted" to true and sync again.')
    WHEN isodow(date) > 5 OR (SELECT min(gap) FROM gaps) > 4 THEN error('stock_prices has bars of a week or a month, and an ex-date may be inside one. '
        'Set "timespan" to "day", drop the table and sync again.')
    ELSE true
END;

-- One row for each ticker and ex-date: the factor for all prices before it, back to the ex-date before that.
CREATE OR REPLACE VIEW dividend_factors AS
WITH closes AS (
    SELECT
        stock_ticker,
        date,
        arg_max(close, timestamp) AS close,
        max(date) OVER (PARTITION BY stock_ticker) AS last_date
    FROM split_adjusted_prices
    WHERE close IS NOT NULL
    GROUP BY stock_ticker, date
),
paid AS (  -- a regular and a special dividend on one day are one payment
    SELECT
        ticker,
        ex_dividend_date,
        CASE WHEN bool_and(coalesce(currency, 'USD') = 'USD' AND split_adjusted_cash_amount IS NOT NULL)
            THEN sum(split_adjusted_cash_amount) END AS dollars,
        min(historical_adjustment_factor) AS api_factor
    FROM dividends
    GROUP BY ticker, ex_dividend_date
),
with_own_factor AS (
    SELECT paid.*, close AS close_before, CASE WHEN dollars < close THEN 1 - dollars / close END AS own_factor
    FROM paid
    -- The last trading day before the ex-date, which need not be the day before it.
    ASOF JOIN closes ON paid.ticker = closes.stock_ticker AND paid.ex_dividend_date > closes.date
    WHERE ex_dividend_date <= last_date  -- a future one has not moved any price yet
)
SELECT
    ticker,
    ex_dividend_date,
    dollars,
    close_before,
    -- NULL instead of a guess if this dividend or a later one has no amount in dollars.
    CASE WHEN bool_and(own_factor IS NOT NULL) OVER this_and_later
        THEN product(own_factor) OVER this_and_later END AS factor,
    -- The API's own factors are cumulative too. But they include dividends up to the day of the sync, even those after
    -- the last price here. So the last one is set to its own factor, and the others are scaled in proportion.
    api_factor * last_value(own_factor / api_factor) OVER this_and_later AS api_factor
FROM with_own_factor
WINDOW this_and_later AS (
    PARTITION BY ticker ORDER BY ex_dividend_date ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
);

-- One row for each bar. The factor is that of the first ex-date after it, or 1 if there is none.
CREATE OR REPLACE VIEW prices_adjusted_for_dividends AS
SELECT
    stock_ticker, date, timestamp, open, high, low, close,
    CASE WHEN ticker IS NULL THEN 1 ELSE factor END AS total_return_factor,
    CASE WHEN ticker IS NULL THEN 1 ELSE api_factor END AS api_factor,
    COLUMNS('^(open|high|low|close)$') * total_return_factor AS 'adjusted_\0'
FROM split_adjusted_prices AS prices
ASOF LEFT JOIN dividend_factors AS later
    ON prices.stock_ticker = later.ticker AND prices.date < later.ex_dividend_date;

-- The same, with the API's own factors.
CREATE OR REPLACE VIEW prices_adjusted_by_the_api AS
SELECT
    stock_ticker, date, timestamp, open, high, low, close,
    api_factor AS total_return_factor,
    COLUMNS('^(open|high|low|close)$') * api_factor AS 'adjusted_\0'
FROM prices_adjusted_for_dividends;
