/* SPDX-License-Identifier: MIT */
/*
 * PDF documents of one page: text in a compressed stream, and in larger ones a JPEG picture, with a
 * table of objects that is right. Numbers that are known late have ten digits, so that everything
 * has its place before. A marker is an embedded file. Rules: ISO 32000-1, sections 7.5 and 7.3.8.
 */
#include "base/assert.h"
#include "bench/load/load_make.h"
#include "bench/load/load_pack.h"
#include "bench/load/load_prose.h"

#include <stdio.h>

#define LOAD_PDF_OBJECTS 8

/* Half of a document that is large enough for two streams is its picture. */
#define LOAD_PDF_PICTURE KIB(8)

struct load_pdf {
    struct load_make *make;
    size_t at[LOAD_PDF_OBJECTS]; /* Object i + 1. */
    size_t len;
};

static void load_pdf_begin(struct load_pdf *pdf)
{
    ASSERT(pdf->len < LOAD_PDF_OBJECTS);
    pdf->at[pdf->len++] = pdf->make->out.len;
    text_printf(&pdf->make->out, "%zu 0 obj\n", pdf->len);
}

static void load_pdf_put(struct load_pdf *pdf, const char *form)
{
    load_pdf_begin(pdf);
    load_prose_put_form(&pdf->make->out, &pdf->make->random, form);
    TEXT_PUT(&pdf->make->out, "\nendobj\n");
}

static const char load_pdf_stream_end[] = "\nendstream\nendobj\n";

static void load_pdf_begin_stream(struct load_pdf *pdf, const char *what, size_t len)
{
    load_pdf_begin(pdf);
    text_printf(&pdf->make->out, "<< %s /Length %010zu >>\nstream\n", what, len);
}

/* Bytes of such an object besides its stream. */
static size_t load_pdf_stream_frame(const char *what)
{
    return strlen("1 0 obj\n<<  /Length 0123456789 >>\nstream\n") + strlen(what) +
           strlen(load_pdf_stream_end);
}

static size_t load_pdf_end_len(size_t objects)
{
    return strlen("xref\n0 9\n") + 20 * (objects + 1) +
           strlen("trailer\n<< /Size 9 /Root 1 0 R /Info 5 0 R >>\nstartxref\n0123456789\n%%EOF\n");
}

static void load_pdf_put_end(struct load_pdf *pdf)
{
    struct text *out = &pdf->make->out;
    const size_t at = out->len;

    text_printf(out, "xref\n0 %zu\n0000000000 65535 f \n", pdf->len + 1);
    for (size_t i = 0; i < pdf->len; i++) {
        text_printf(out, "%010zu 00000 n \n", pdf->at[i]);
    }
    text_printf(out,
                "trailer\n<< /Size %zu /Root 1 0 R /Info 5 0 R >>\nstartxref\n%010zu\n%%%%EOF\n",
                pdf->len + 1, at);
}

/* Lines of text, as the operators of a page. */
static void load_pdf_put_text(struct load_pdf *pdf, size_t len)
{
    struct text *out = &pdf->make->out;
    char block[KIB(4)];
    struct load_deflate deflate;
    uint32_t adler = 1;

    load_pdf_begin_stream(pdf, "/Filter /FlateDecode", len);
    const size_t to = out->len + len;

    load_pack_be(out, 0x7801, 2);
    load_deflate_begin(&deflate, out, to - 4);
    while (!deflate.full) {
        struct text piece = text_over(block, sizeof(block));

        load_prose_put_form(&piece, &pdf->make->random,
                            "BT /F1 1$n Tf 7$n $N Td ($s) Tj 0 -14 Td ($s) Tj ET\n"
                            "q 0.$n 0.$n 0.$n rg $n $n $n $n re f Q\n");
        const size_t taken = load_deflate_feed(&deflate, text_slice(&piece));

        adler = load_adler32(adler, slice_from(piece.ptr, taken));
    }
    /* The last operator is cut, which readers forgive. */
    adler = load_adler32(adler, load_deflate_end(&deflate, &pdf->make->random));
    load_pack_be(out, adler, 4);
    text_put_str(out, load_pdf_stream_end);
}

static const char load_pdf_picture[] = "/Type /XObject /Subtype /Image /Width 640 /Height 480 "
                                       "/ColorSpace /DeviceRGB /BitsPerComponent 8 "
                                       "/Filter /DCTDecode";

static void load_pdf_put_picture(struct load_pdf *pdf, size_t len)
{
    struct load_make *make = pdf->make;
    struct text *out = &make->out;

    load_pdf_begin_stream(pdf, load_pdf_picture, len);
    struct load_make inner = {
        .random = {load_random_next(&make->random)},
        .out = text_over(out->ptr + out->len, len),
        .number = make->number,
    };

    load_make_jpeg(&inner);
    out->len += len;
    text_put_str(out, load_pdf_stream_end);
}

static void load_pdf_put_marker(struct load_pdf *pdf)
{
    load_pdf_begin_stream(pdf, "/Type /EmbeddedFile", pdf->make->marker.len);
    text_put_slice(&pdf->make->out, pdf->make->marker);
    text_put_str(&pdf->make->out, load_pdf_stream_end);
}

void load_make_pdf(struct load_make *make)
{
    struct load_pdf pdf = {.make = make};
    struct text *out = &make->out;
    const bool picture = out->cap >= LOAD_PDF_PICTURE;
    const bool marker = make->marker.len > 0;
    const size_t text_frame = load_pdf_stream_frame("/Filter /FlateDecode");

    text_printf(out, "%%PDF-1.%u\n%%\xe2\xe3\xcf\xd3 %llx\n",
                4 + load_random_below(&make->random, 4), (unsigned long long)make->number);
    load_pdf_put(&pdf, "<< /Type /Catalog /Pages 2 0 R >>");
    load_pdf_put(&pdf, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
    load_pdf_put(&pdf, picture
                           ? "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 6 0 "
                             "R /Resources << /Font << /F1 4 0 R >> /XObject << /I1 7 0 R >> >> "
                             ">>"
                           : "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 6 "
                             "0 R /Resources << /Font << /F1 4 0 R >> >> >>");
    load_pdf_put(&pdf, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    load_pdf_put(&pdf, "<< /Title ($t) /Author ($W $W) /Producer ($W $n.$n) "
                       "/CreationDate (D:20260112080000Z) >>");
    const size_t end =
        load_pdf_end_len(6U + picture + marker) +
        (marker ? load_pdf_stream_frame("/Type /EmbeddedFile") + make->marker.len : 0);
    const size_t room = out->cap - out->len - end - text_frame;

    if (picture) {
        const size_t text_len = room / 2;

        load_pdf_put_text(&pdf, text_len);
        load_pdf_put_picture(&pdf, room - text_len - load_pdf_stream_frame(load_pdf_picture));
    } else {
        load_pdf_put_text(&pdf, room);
    }
    if (marker) {
        load_pdf_put_marker(&pdf);
    }
    load_pdf_put_end(&pdf);
    make->type = "application/pdf";
    make->basename = "document";
    make->suffix = ".pdf";
}
