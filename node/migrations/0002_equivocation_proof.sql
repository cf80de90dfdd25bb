-- The log proof that came with the second form. A signature alone accuses nobody: of an ECDSA signature anybody can make a second
-- one that verifies too. That its maker's log holds both forms is what only the maker can have done.
ALTER TABLE equivocations ADD COLUMN proof BLOB;
