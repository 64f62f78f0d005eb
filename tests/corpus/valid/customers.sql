SELECT *
FROM customers
WHERE seen_at < :window_end AND region IN :regions
