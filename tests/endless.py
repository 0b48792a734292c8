"""A page that no reader gets to the end of."""

from typing import Any


def endless_page(pdf: Any) -> None:
    """Add a page of three kilobytes that draws the same words 10^11 times: forms that draw forms."""
    page = pdf.new_page()
    page.insert_text((72, 72), "A page.")
    inner = None
    for _ in range(12):
        form = pdf.get_new_xref()
        font = "/Font << /helv << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
        resources = f"/XObject << /X {inner} 0 R >>" if inner else font
        pdf.update_object(form, f"<< /Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << {resources} >> >>")
        pdf.update_stream(form, b"/X Do " * 10 if inner else b"BT /helv 9 Tf 72 300 Td (again and again) Tj ET")
        inner = form
    pdf.xref_set_key(page.xref, "Resources", f"<< /XObject << /X {inner} 0 R >> >>")
    pdf.update_stream(page.get_contents()[0], b"/X Do")
