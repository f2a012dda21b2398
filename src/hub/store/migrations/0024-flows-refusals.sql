-- SYNs to ports where nobody listens. The rollups have them as resets sent, in the state refused on ingress.
ALTER TABLE {flows:Table} ADD COLUMN IF NOT EXISTS refusals UInt64
