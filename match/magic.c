/* SPDX-License-Identifier: MIT */
#include "match/magic.h"

#include "match/cl_type.h"

struct magic_type {
    const char *name; /* ClamAV's, behind its prefix. */
    struct filetype type;
};

/* Types that have signatures of their own, or need unpacking. */
static const struct magic_type magic_types[] = {
    {"MSEXE", {"pe", MATCH_TARGET_PE, false, false}},
    {"ELF", {"elf", MATCH_TARGET_ELF, false, false}},
    {"MACHO", {"macho", MATCH_TARGET_MACHO, false, false}},
    {"MACHO_UNIBIN", {"macho", MATCH_TARGET_MACHO, true, false}},
    {"MSOLE2", {"ole2", MATCH_TARGET_OLE2, true, false}},
    {"HTML", {"html", MATCH_TARGET_HTML, false, false}},
    {"HTML_UTF16", {"html", MATCH_TARGET_HTML, false, false}},
    {"MAIL", {"mail", MATCH_TARGET_MAIL, true, false}},
    {"TNEF", {"tnef", MATCH_TARGET_ANY, true, false}},
    {"GRAPHICS", {"graphics", MATCH_TARGET_GRAPHICS, false, false}},
    {"GIF", {"gif", MATCH_TARGET_GRAPHICS, false, false}},
    {"PNG", {"png", MATCH_TARGET_GRAPHICS, false, false}},
    {"JPEG", {"jpeg", MATCH_TARGET_GRAPHICS, false, false}},
    {"TIFF", {"tiff", MATCH_TARGET_GRAPHICS, false, false}},
    {"TEXT_ASCII", {"text", MATCH_TARGET_ASCII, false, false}},
    {"TEXT_UTF8", {"text", MATCH_TARGET_ASCII, false, false}},
    {"SCRIPT", {"script", MATCH_TARGET_ASCII, false, false}},
    {"PDF", {"pdf", MATCH_TARGET_PDF, false, false}},
    {"SWF", {"flash", MATCH_TARGET_FLASH, false, false}},
    {"JAVA", {"java", MATCH_TARGET_JAVA, false, false}},
    {"RTF", {"rtf", MATCH_TARGET_ANY, false, false}},
    {"7Z", {"7z", MATCH_TARGET_ANY, true, false}},
    {"ALZ", {"alz", MATCH_TARGET_ANY, true, false}},
    {"ARJ", {"arj", MATCH_TARGET_ANY, true, false}},
    {"BINHEX", {"binhex", MATCH_TARGET_ANY, true, false}},
    {"BZ", {"bzip2", MATCH_TARGET_ANY, true, false}},
    {"CPIO_CRC", {"cpio", MATCH_TARGET_ANY, true, false}},
    {"CPIO_NEWC", {"cpio", MATCH_TARGET_ANY, true, false}},
    {"CPIO_ODC", {"cpio", MATCH_TARGET_ANY, true, false}},
    {"CPIO_OLD", {"cpio", MATCH_TARGET_ANY, true, false}},
    {"DMG", {"dmg", MATCH_TARGET_ANY, true, false}},
    {"EGG", {"egg", MATCH_TARGET_ANY, true, false}},
    {"GZ", {"gzip", MATCH_TARGET_ANY, true, false}},
    {"ISO9660", {"iso", MATCH_TARGET_ANY, true, false}},
    {"LHA_LZH", {"lha", MATCH_TARGET_ANY, true, false}},
    {"MSCAB", {"cab", MATCH_TARGET_ANY, true, false}},
    {"MSCHM", {"chm", MATCH_TARGET_ANY, true, false}},
    {"MSSZDD", {"szdd", MATCH_TARGET_ANY, true, false}},
    {"OLD_TAR", {"tar", MATCH_TARGET_ANY, true, false}},
    {"ONENOTE", {"onenote", MATCH_TARGET_ANY, true, false}},
    {"POSIX_TAR", {"tar", MATCH_TARGET_ANY, true, false}},
    {"RAR", {"rar", MATCH_TARGET_ANY, true, false}},
    {"SIS", {"sis", MATCH_TARGET_ANY, true, false}},
    {"UUENCODED", {"uu", MATCH_TARGET_ANY, true, false}},
    {"XAR", {"xar", MATCH_TARGET_ANY, true, false}},
    {"XZ", {"xz", MATCH_TARGET_ANY, true, false}},
    {"ZIP", {"zip", MATCH_TARGET_ANY, true, false}},
};

const struct filetype *magic_find_type(uint16_t type)
{
    const char *name = cl_type_name(type);

    for (size_t i = 0; name != NULL && i < ARRAY_LEN(magic_types); i++) {
        if (strcmp(magic_types[i].name, name) == 0) {
            return &magic_types[i].type;
        }
    }
    return NULL;
}

static bool magic_fits(const struct layout_magic *magic, struct slice head)
{
    uint8_t difference = 0;

    if (magic->at >= head.len || magic->len > head.len - magic->at) {
        return false;
    }
    for (uint8_t i = 0; i < magic->len && difference == 0; i++) {
        difference = (head.ptr[magic->at + i] ^ magic->value[i]) & magic->mask[i];
    }
    return difference == 0;
}

/* Nothing but the bytes themselves spoke for these. */
static bool magic_is_vague(const struct filetype *type)
{
    return strcmp(type->name, "data") == 0 || strcmp(type->name, "text") == 0;
}

const struct filetype *magic_detect(const struct layout *layout, struct slice head)
{
    const struct filetype *type = filetype_detect(head);

    if (layout->len[LAYOUT_MAGICS] == 0 || !magic_is_vague(type)) {
        return type;
    }
    head.len = MIN_OF(head.len, (size_t)FILETYPE_PROBE);
    for (uint32_t i = 0; i < layout->len[LAYOUT_MAGICS]; i++) {
        if (magic_fits(&layout->magics[i], head)) {
            const struct filetype *found = magic_find_type(layout->magics[i].type);

            return found != NULL ? found : type;
        }
    }
    return type;
}
