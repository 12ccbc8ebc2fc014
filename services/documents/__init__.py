"""Papers: PDFs drawn with reportlab, in Chinese and English."""
