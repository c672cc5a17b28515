-- Version 6. The key that has taken the place of this one (RFC 8613, appendix B.2), and the ID context that makes it.
ALTER TABLE oscore_numbers ADD COLUMN successor BLOB NOT NULL DEFAULT x'';
ALTER TABLE oscore_numbers ADD COLUMN id_context BLOB NOT NULL DEFAULT x'';
