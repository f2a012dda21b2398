-- How long the first in the accept queue had waited; null where the kernel does not let it be told.
ALTER TABLE {listeners:Table} ADD COLUMN IF NOT EXISTS listener_waiting_ms Nullable(UInt64)
