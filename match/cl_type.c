/* SPDX-License-Identifier: MIT */
#include "match/cl_type.h"

#include "base/macro.h"

#include <string.h>

/* The names behind "CL_TYPE_", in the order of strcmp: those that clamscan 1.4 takes. */
static const char *const cl_type_names[] = {
    "7Z",
    "7ZSFX",
    "ALZ",
    "APM",
    "ARJ",
    "ARJSFX",
    "AUTOIT",
    "BINARY_DATA",
    "BINHEX",
    "BZ",
    "CABSFX",
    "CPIO_CRC",
    "CPIO_NEWC",
    "CPIO_ODC",
    "CPIO_OLD",
    "CRYPTFF",
    "DMG",
    "EGG",
    "ELF",
    "GIF",
    "GPT",
    "GRAPHICS",
    "GZ",
    "HTML",
    "HTML_UTF16",
    "HWP3",
    "HWPOLE2",
    "IGNORED",
    "INTERNAL",
    "ISHIELD_MSI",
    "ISO9660",
    "JAVA",
    "JPEG",
    "LHA_LZH",
    "LNK",
    "MACHO",
    "MACHO_UNIBIN",
    "MAIL",
    "MBR",
    "MHTML",
    "MSCAB",
    "MSCHM",
    "MSEXE",
    "MSOLE2",
    "MSSZDD",
    "NULSFT",
    "OLD_TAR",
    "ONENOTE",
    "OOXML_HWP",
    "OOXML_PPT",
    "OOXML_WORD",
    "OOXML_XL",
    "PART_ANY",
    "PART_HFSPLUS",
    "PDF",
    "PNG",
    "POSIX_TAR",
    "PS",
    "PYTHON_COMPILED",
    "RAR",
    "RARSFX",
    "RIFF",
    "RTF",
    "SCRENC",
    "SCRIPT",
    "SIS",
    "SWF",
    "TEXT_ASCII",
    "TEXT_UTF16BE",
    "TEXT_UTF16LE",
    "TEXT_UTF8",
    "TIFF",
    "TNEF",
    "UDF",
    "UUENCODED",
    "XAR",
    "XDP",
    "XML_HWP",
    "XML_WORD",
    "XML_XL",
    "XZ",
    "ZIP",
    "ZIPSFX",
};

#define CL_TYPE_PREFIX "CL_TYPE_"

static int cl_type_compare(struct slice word, const char *name)
{
    const size_t len = strlen(name);
    const int order = memcmp(word.ptr, name, MIN_OF(word.len, len));

    if (order != 0) {
        return order;
    }
    return word.len < len ? -1 : word.len > len;
}

uint16_t cl_type_find(struct slice name)
{
    const struct slice prefix = SLICE_OF(CL_TYPE_PREFIX);
    size_t low = 0;
    size_t high = ARRAY_LEN(cl_type_names);

    if (name.len <= prefix.len || memcmp(name.ptr, prefix.ptr, prefix.len) != 0) {
        return CL_TYPE_NONE;
    }
    const struct slice word = slice_skip(name, prefix.len);

    if (slice_equal(word, SLICE_OF("ANY"))) {
        return CL_TYPE_ANY;
    }
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = cl_type_compare(word, cl_type_names[middle]);

        if (order == 0) {
            return (uint16_t)(CL_TYPE_FIRST + middle);
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return CL_TYPE_NONE;
}

const char *cl_type_name(uint16_t type)
{
    if (type == CL_TYPE_ANY) {
        return "ANY";
    }
    if (type < CL_TYPE_FIRST || (size_t)(type - CL_TYPE_FIRST) >= ARRAY_LEN(cl_type_names)) {
        return NULL;
    }
    return cl_type_names[type - CL_TYPE_FIRST];
}
