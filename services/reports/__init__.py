"""Reports: one snapshot drawn as XLSX, CSV and PDF."""
