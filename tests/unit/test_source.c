/* SPDX-License-Identifier: MIT */
/* The files of a definition set, line by line. */
#include "defs/ignore.h"
#include "defs/source.h"
#include "match/build.h"

#include <criterion/criterion.h>

#include <openssl/evp.h>
#include <stdio.h>

Test(source, kinds_by_name)
{
    static const struct {
        const char *name;
        enum source_kind kind;
    } rows[] = {
        {"a.ndb", SOURCE_BODY},
        {"a.NDB", SOURCE_BODY},
        {"a.ndu", SOURCE_BODY},
        {"a.sdb", SOURCE_BODY},
        {"a.hdb", SOURCE_HASH},
        {"a.hsb", SOURCE_HASH},
        {"a.hdu", SOURCE_HASH},
        {"a.hsu", SOURCE_HASH},
        {"a.fp", SOURCE_ALLOW},
        {"a.sfp", SOURCE_ALLOW},
        {"threats.tsv", SOURCE_THREAT},
        {"my.threats.tsv", SOURCE_FOREIGN},
        {"a.ldb", SOURCE_LOGICAL},
        {"a.ldu", SOURCE_LOGICAL},
        {"a.mdb", SOURCE_SECTION_HASH},
        {"a.mdu", SOURCE_SECTION_HASH},
        {"a.msb", SOURCE_SECTION_HASH},
        {"a.msu", SOURCE_SECTION_HASH},
        {"a.imp", SOURCE_IMPORTS_HASH},
        {"a.db", SOURCE_PLAIN},
        {"a.ign", SOURCE_IGNORE},
        {"a.ign2", SOURCE_IGNORE},
        {"a.cdb", SOURCE_MEMBER},
        {"a.pwdb", SOURCE_PASSWORD},
        {"a.ftm", SOURCE_MAGIC},
        {"a.yara", SOURCE_YARA},
        {"a.yar", SOURCE_YARA},
        {"daily.cvd", SOURCE_CONTAINER},
        {"daily.cld", SOURCE_CONTAINER},
        {"mine.cud", SOURCE_CONTAINER},
        {"a.cbc", SOURCE_BYTECODE},
        {"a.idb", SOURCE_ICON},
        {"a.crb", SOURCE_CERTIFICATE},
        {"a.cat", SOURCE_CATALOGUE},
        {"a.cfg", SOURCE_SETTING},
        {"a.pdb", SOURCE_PHISHING},
        {"a.wdb", SOURCE_PHISHING_ALLOW},
        {"a.gdb", SOURCE_SAFE_BROWSING},
        {"a.ioc", SOURCE_INDICATOR},
        {"a.zmd", SOURCE_OLD_MEMBER},
        {"a.rmd", SOURCE_OLD_MEMBER},
        {"categories.tsv", SOURCE_CATEGORY},
        {"README", SOURCE_FOREIGN},
        {"set.yaml", SOURCE_FOREIGN},
        {"a.ndb.bak", SOURCE_FOREIGN},
        {".ndb", SOURCE_FOREIGN},
        {"", SOURCE_FOREIGN},
        {"ndb", SOURCE_FOREIGN},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_eq(source_find_kind(rows[i].name), rows[i].kind, "%s", rows[i].name);
    }
    cr_assert_eq(source_find_folder("url"), SOURCE_URL);
    cr_assert_eq(source_find_folder("sub"), SOURCE_FOREIGN);
}

Test(source, every_kind_has_a_word_and_a_value_that_images_rely_on)
{
    for (unsigned i = 0; i < SOURCE_KINDS; i++) {
        const char *word = source_kind_word((enum source_kind)i);

        cr_assert(word != NULL && word[0] != '\0', "%u", i);
        for (unsigned j = 0; j < i; j++) {
            cr_assert_str_neq(word, source_kind_word((enum source_kind)j));
        }
    }
    cr_assert_eq((int)SOURCE_LOGICAL, 5);
    cr_assert_eq((int)SOURCE_CONTAINER, 14);
    cr_assert_eq((int)SOURCE_BYTECODE, 15);
    cr_assert_eq((int)SOURCE_CATEGORY, 28);
}

/* ---- Lines ---- */

struct source_fixture {
    struct ignore ignore;
    struct source source;
};

static void source_open(struct source_fixture *fixture)
{
    ignore_init(&fixture->ignore);
    fixture->source.ignore = &fixture->ignore;
    cr_assert_eq(match_builder_new(&fixture->source.builder), 0);
}

static void source_close(struct source_fixture *fixture)
{
    match_builder_free(fixture->source.builder);
    ignore_free(&fixture->ignore);
}

struct source_case {
    enum source_kind kind;
    const char *line;
    int status;
    const char *reason; /* Part of it; NULL where the builder words it. */
};

#define H32 "0123456789abcdef0123456789ABCDEF"
#define H40 H32 "01234567"
#define H64 H32 H32
#define L   "A;Engine:51-255,Target:0;"

static const struct source_case source_cases[] = {
    {SOURCE_BODY, "A:0:*:41424344", SOURCE_USED, NULL},
    {SOURCE_BODY, "A:*:*:41424344", SOURCE_USED, NULL},
    {SOURCE_BODY, "{HEX}php.x.1:14:0:41424344", SOURCE_USED, NULL},
    {SOURCE_BODY, "A:0:EOF-10,5:41424344:51", SOURCE_USED, NULL},
    {SOURCE_BODY, "A:0:*:41424344:51:255", SOURCE_USED, NULL},
    {SOURCE_BODY, "A:0:*:41424344::", SOURCE_USED, NULL},
    {SOURCE_BODY, "A:0:*:41424344:240:240", SOURCE_USED, NULL},
    {SOURCE_BODY, "A:0:*:41424344:241", SOURCE_SKIPPED, NULL},
    {SOURCE_BODY, "A:0:*:41424344:51:239", SOURCE_SKIPPED, NULL},
    {SOURCE_BODY, "A:99:$$:some later grammar:241", SOURCE_SKIPPED, NULL},
    {SOURCE_BODY, "A:0:*", SOURCE_UNUSABLE, "expected Name:Target:Offset:Body"},
    {SOURCE_BODY, "A", SOURCE_UNUSABLE, "expected Name:Target:Offset:Body"},
    {SOURCE_BODY, "A:0:*:41424344:51:255:1", SOURCE_UNUSABLE, "expected Name:Target:Offset:Body"},
    {SOURCE_BODY, ":0:*:41424344", SOURCE_UNUSABLE, "the name is empty"},
    {SOURCE_BODY, "A\x01:0:*:41424344", SOURCE_UNUSABLE, "not printable"},
    {SOURCE_BODY, "A\xc3\xa4:0:*:41424344", SOURCE_UNUSABLE, "not printable"},
    {SOURCE_BODY, "A::*:41424344", SOURCE_UNUSABLE, "target is neither"},
    {SOURCE_BODY, "A:-1:*:41424344", SOURCE_UNUSABLE, "target is neither"},
    {SOURCE_BODY, "A:15:*:41424344", SOURCE_UNUSABLE, "not one of 0 to 14"},
    {SOURCE_BODY, "A:4294967296:*:41424344", SOURCE_UNUSABLE, "not one of 0 to 14"},
    {SOURCE_BODY, "A:0:*:41424344:x", SOURCE_UNUSABLE, "lowest functionality level"},
    {SOURCE_BODY, "A:0:*:41424344:1:x", SOURCE_UNUSABLE, "highest functionality level"},
    {SOURCE_BODY, "A:0::41424344", SOURCE_UNUSABLE, NULL},
    {SOURCE_BODY, "A:0:x:41424344", SOURCE_UNUSABLE, NULL},
    {SOURCE_BODY, "A:0:99999999999999999999:41424344", SOURCE_UNUSABLE, NULL},
    {SOURCE_BODY, "A:0:*:", SOURCE_UNUSABLE, NULL},
    {SOURCE_BODY, "A:0:*:4", SOURCE_UNUSABLE, NULL},
    {SOURCE_BODY, "A:0:*:414243zz", SOURCE_UNUSABLE, NULL},
    {SOURCE_BODY, "A:0:*:4142{5", SOURCE_UNUSABLE, NULL},
    {SOURCE_BODY, "A:0:*:(4142|4344", SOURCE_UNUSABLE, NULL},

    {SOURCE_HASH, H32 ":68:A", SOURCE_USED, NULL},
    {SOURCE_HASH, H40 ":1:A", SOURCE_USED, NULL},
    {SOURCE_HASH, H64 ":4294967294:A", SOURCE_USED, NULL},
    {SOURCE_HASH, H64 ":68:A b", SOURCE_USED, NULL},
    {SOURCE_HASH, H32 ":*:A:73", SOURCE_USED, NULL},
    {SOURCE_HASH, H32 ":*:A:73:255", SOURCE_USED, NULL},
    {SOURCE_HASH, H32 ":10:A:300", SOURCE_SKIPPED, NULL},
    {SOURCE_HASH, H32 ":10:A:10:20", SOURCE_SKIPPED, NULL},
    {SOURCE_HASH, H32 ":*:A", SOURCE_UNUSABLE, "level of 73"},
    {SOURCE_HASH, H32 ":*:A:72", SOURCE_UNUSABLE, "level of 73"},
    {SOURCE_HASH, H32 ":0:A", SOURCE_UNUSABLE, "the size is neither"},
    {SOURCE_HASH, H32 "::A", SOURCE_UNUSABLE, "the size is neither"},
    {SOURCE_HASH, H32 ":4294967295:A", SOURCE_UNUSABLE, "the size is neither"},
    {SOURCE_HASH, H32 ":-1:A", SOURCE_UNUSABLE, "the size is neither"},
    {SOURCE_HASH, H32 ":10", SOURCE_UNUSABLE, "expected Hash:Size:Name"},
    {SOURCE_HASH, H32 ":10:A:1:2:3", SOURCE_UNUSABLE, "expected Hash:Size:Name"},
    {SOURCE_HASH, H32 ":10:", SOURCE_UNUSABLE, "the name is empty"},
    {SOURCE_HASH, ":10:A", SOURCE_UNUSABLE, NULL},
    {SOURCE_HASH, "0123456789abcdef0123456789ABCDEg:10:A", SOURCE_UNUSABLE, NULL},
    {SOURCE_HASH, "0123456789abcdef0123456789ABCDE:10:A", SOURCE_UNUSABLE, NULL},
    {SOURCE_HASH, H64 "00:10:A", SOURCE_UNUSABLE, NULL},
    {SOURCE_ALLOW, H32 ":10:A", SOURCE_USED, NULL},
    {SOURCE_ALLOW, "x:10:A", SOURCE_UNUSABLE, NULL},

    {SOURCE_THREAT, "A\t12\t-\t-", SOURCE_USED, NULL},
    {SOURCE_THREAT, "A\t-\tAdware\tdelete", SOURCE_USED, NULL},
    {SOURCE_THREAT, "A\t2147483647\t-\t-", SOURCE_USED, NULL},
    {SOURCE_THREAT, "A\t12\t-", SOURCE_UNUSABLE, "expected name, id"},
    {SOURCE_THREAT, "A\t12\t-\t-\t-", SOURCE_UNUSABLE, "expected name, id"},
    {SOURCE_THREAT, "A 12 - -", SOURCE_UNUSABLE, "expected name, id"},
    {SOURCE_THREAT, "\t12\t-\t-", SOURCE_UNUSABLE, "the name is empty"},
    {SOURCE_THREAT, "A\t\t-\t-", SOURCE_UNUSABLE, "the id is neither"},
    {SOURCE_THREAT, "A\t2147483648\t-\t-", SOURCE_UNUSABLE, "the id is neither"},
    {SOURCE_THREAT, "A\t1x\t-\t-", SOURCE_UNUSABLE, "the id is neither"},
    {SOURCE_THREAT, "A\t1\t\t-", SOURCE_UNUSABLE, "the category is empty"},
    {SOURCE_THREAT, "A\t1\t-\t", SOURCE_UNUSABLE, "the repair action is empty"},
    {SOURCE_THREAT, "A\t1\tAd\x1bware\t-", SOURCE_UNUSABLE, "not printable"},
    {SOURCE_LOGICAL, L "0&1;41424344;45464748", SOURCE_USED, NULL},
    {SOURCE_LOGICAL, "A;Target:0;0&1;41424344;45464748", SOURCE_USED, NULL},
    {SOURCE_LOGICAL, "A;Engine:241-255,Target:0;0;41424344", SOURCE_SKIPPED, NULL},
    {SOURCE_LOGICAL, "A;Engine:10-239,Of:Tomorrow;0;41424344", SOURCE_SKIPPED, NULL},
    {SOURCE_LOGICAL,
     "A;Engine:240-240,Target:1,FileSize:0-9,NumberOfSections:1-3,EntryPoint:0-5;0;"
     "41424344",
     SOURCE_USED, NULL},
    {SOURCE_LOGICAL, "A;Engine:81-255,Target:0,Container:CL_TYPE_ZIP;0;41424344", SOURCE_USED,
     NULL},
    {SOURCE_LOGICAL, "A;Engine:81-255,Target:0,Container:CL_TYPE_ANY;0;41424344", SOURCE_USED,
     NULL},
    {SOURCE_LOGICAL, "A;Engine:81-255,Target:0,Intermediates:CL_TYPE_ZIP>CL_TYPE_ANY;0;41424344",
     SOURCE_USED, NULL},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:0", SOURCE_UNUSABLE, "expected Name;Attributes"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:0;0", SOURCE_UNUSABLE, "expected Name;Attributes"},
    {SOURCE_LOGICAL, ";Engine:51-255,Target:0;0;41424344", SOURCE_UNUSABLE, "the name is empty"},
    {SOURCE_LOGICAL, "A;;0;41424344", SOURCE_UNUSABLE, "not of the form Key:Value"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:0,;0;41424344", SOURCE_UNUSABLE, "not of the form"},
    {SOURCE_LOGICAL, "A;Engine:51-255;0;41424344", SOURCE_UNUSABLE, "what the target is"},
    {SOURCE_LOGICAL, "A;Target:0,Engine:51-255;0;41424344", SOURCE_UNUSABLE, "not the first"},
    {SOURCE_LOGICAL, "A;Engine:51,Target:0;0;41424344", SOURCE_UNUSABLE, "Engine is no range"},
    {SOURCE_LOGICAL, "A;Engine:255-51,Target:0;0;41424344", SOURCE_UNUSABLE, "before it begins"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:;0;41424344", SOURCE_UNUSABLE, "not a number"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:15;0;41424344", SOURCE_UNUSABLE, "0 to 14"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:0,FileSize:5;0;41424344", SOURCE_UNUSABLE,
     "FileSize is no range"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:0,FileSize:1-99999999999999999999;0;41424344",
     SOURCE_UNUSABLE, "FileSize is no range"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:0,EntryPoint:1-5;0;41424344", SOURCE_UNUSABLE,
     "for targets 1, 6 and 9"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:3,NumberOfSections:1-5;0;41424344", SOURCE_UNUSABLE,
     "for targets 1, 6 and 9"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:1,IconGroup1:X;0;41424344", SOURCE_UNUSABLE, "icons"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:1,IconGroup2:X;0;41424344", SOURCE_UNUSABLE, "icons"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:0,HandlerType:CL_TYPE_ZIP;0;41424344", SOURCE_UNUSABLE,
     "another type"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:0,Container:CL_TYPE_NONSENSE;0;41424344",
     SOURCE_UNUSABLE, "CL_TYPE_NONSENSE is no type"},
    {SOURCE_LOGICAL, "A;Engine:51-255,Target:0,Colour:Blue;0;41424344", SOURCE_UNUSABLE,
     "Colour is not known"},
    {SOURCE_LOGICAL, "A;Engine:51-255, Target:0;0;41424344", SOURCE_UNUSABLE,
     " Target is not known"},
    {SOURCE_LOGICAL, L "0&1;41424344", SOURCE_UNUSABLE, NULL},
    {SOURCE_LOGICAL, L "0;41424344;45464748", SOURCE_UNUSABLE, NULL},
    {SOURCE_LOGICAL, L "0&;41424344", SOURCE_UNUSABLE, NULL},
    {SOURCE_LOGICAL, L "(0;41424344", SOURCE_UNUSABLE, NULL},

    {SOURCE_SECTION_HASH, "10:" H32 ":A", SOURCE_USED, NULL},
    {SOURCE_SECTION_HASH, "10:" H64 ":A:51:255", SOURCE_USED, NULL},
    {SOURCE_SECTION_HASH, "*:" H40 ":A:73", SOURCE_USED, NULL},
    {SOURCE_SECTION_HASH, "*:" H40 ":A", SOURCE_UNUSABLE, "level of 73"},
    {SOURCE_SECTION_HASH, H32 ":10:A", SOURCE_UNUSABLE, "the size is neither"},
    {SOURCE_SECTION_HASH, "10:" H32, SOURCE_UNUSABLE, "expected Size:Hash:Name"},
    {SOURCE_SECTION_HASH, "10:abc:A", SOURCE_UNUSABLE, NULL},
    {SOURCE_IMPORTS_HASH, H32 ":10:A", SOURCE_USED, NULL},
    {SOURCE_IMPORTS_HASH, H32 ":*:A", SOURCE_USED, NULL},
    {SOURCE_IMPORTS_HASH, H32 ":*:A:300", SOURCE_SKIPPED, NULL},
    {SOURCE_IMPORTS_HASH, H32 ":0:A", SOURCE_UNUSABLE, "the size is neither"},
    {SOURCE_IMPORTS_HASH, "10:" H32 ":A", SOURCE_UNUSABLE, "the size is neither"},

    {SOURCE_PLAIN, "A=41424344", SOURCE_USED, NULL},
    {SOURCE_PLAIN, "A (Clam)=4142434445*4647484950", SOURCE_USED, NULL},
    {SOURCE_PLAIN, "A=4142*4344", SOURCE_SLOW, "rare"},
    {SOURCE_PLAIN, "A", SOURCE_UNUSABLE, "expected Name=Body"},
    {SOURCE_PLAIN, "A=B=41424344", SOURCE_UNUSABLE, "expected Name=Body"},
    {SOURCE_PLAIN, "=41424344", SOURCE_UNUSABLE, "the name is empty"},
    {SOURCE_PLAIN, "A= 41424344", SOURCE_UNUSABLE, NULL},

    {SOURCE_IGNORE, "A", SOURCE_USED, NULL},
    {SOURCE_IGNORE, "A:" H32, SOURCE_USED, NULL},
    {SOURCE_IGNORE, "daily.ndb:12:A", SOURCE_USED, NULL},
    {SOURCE_IGNORE, "A:", SOURCE_UNUSABLE, "is no MD5"},
    {SOURCE_IGNORE, "A:" H40, SOURCE_UNUSABLE, "is no MD5"},
    {SOURCE_IGNORE, "A:0123456789abcdef0123456789abcdeg", SOURCE_UNUSABLE, "is no MD5"},
    {SOURCE_IGNORE, "a:b:", SOURCE_UNUSABLE, "the name is empty"},
    {SOURCE_IGNORE, "a:b:c:d", SOURCE_UNUSABLE, "expected Name"},

    {SOURCE_MEMBER, "A:CL_TYPE_ZIP:*:evil:*:*:*:*:*:*", SOURCE_USED, NULL},
    {SOURCE_MEMBER, "A:*:1-2:(x|y){1,3}$:5:5-6:1:1-3:deadbeef:*:51:255", SOURCE_USED, NULL},
    {SOURCE_MEMBER, "A:*:*:*:*:*:*:*:*:*:241", SOURCE_SKIPPED, NULL},
    {SOURCE_MEMBER, "A:*:*:*:*:*:*:*:*", SOURCE_UNUSABLE, "expected 10 fields"},
    {SOURCE_MEMBER, "A:*:*:a:b:*:*:*:*:*:*:*:*", SOURCE_UNUSABLE, "expected 10 fields"},
    {SOURCE_MEMBER, ":*:*:*:*:*:*:*:*:*", SOURCE_UNUSABLE, "the name is empty"},
    {SOURCE_MEMBER, "A:CL_TYPE_X:*:*:*:*:*:*:*:*", SOURCE_UNUSABLE, "CL_TYPE_X is no type"},
    {SOURCE_MEMBER, "A:*::*:*:*:*:*:*:*", SOURCE_UNUSABLE, "the container's size"},
    {SOURCE_MEMBER, "A:*:*:*:5-:*:*:*:*:*", SOURCE_UNUSABLE, "the size in the container"},
    {SOURCE_MEMBER, "A:*:*:*:*:9-5:*:*:*:*", SOURCE_UNUSABLE, "the real size"},
    {SOURCE_MEMBER, "A:*:*:*:*:*:2:*:*:*", SOURCE_UNUSABLE, "encrypted is neither"},
    {SOURCE_MEMBER, "A:*:*:*:*:*:*:x:*:*", SOURCE_UNUSABLE, "the position"},
    {SOURCE_MEMBER, "A:*:*:*:*:*:*:*:xyz:*", SOURCE_UNUSABLE, "the checksum"},
    {SOURCE_MEMBER, "A:*:*:*:*:*:*:*:123456789:*", SOURCE_UNUSABLE, "the checksum"},
    {SOURCE_MEMBER, "A:*:*::*:*:*:*:*:*", SOURCE_UNUSABLE, "name is empty"},
    {SOURCE_MEMBER, "A:*:*:(:*:*:*:*:*:*", SOURCE_UNUSABLE, "does not compile"},
    {SOURCE_MEMBER, "A:*:*:(a)\\1:*:*:*:*:*:*", SOURCE_UNUSABLE, "refers back"},
    {SOURCE_MEMBER, "A:*:*:((a{200}){200}){200}:*:*:*:*:*:*", SOURCE_UNUSABLE, "repeats too much"},
    {SOURCE_MEMBER, "A:*:*:a{200}{200}{200}:*:*:*:*:*:*", SOURCE_UNUSABLE, "repeats too much"},

    {SOURCE_PASSWORD, "A;Engine:81-255;0;secret", SOURCE_USED, NULL},
    {SOURCE_PASSWORD, "A;Engine:81-255,Container:CL_TYPE_ZIP;1;613b62", SOURCE_USED, NULL},
    {SOURCE_PASSWORD, "A;Engine:241-255;0;secret", SOURCE_SKIPPED, NULL},
    {SOURCE_PASSWORD, "A;Engine:81-255;0;a;b", SOURCE_UNUSABLE, "hexadecimal form"},
    {SOURCE_PASSWORD, "A;Engine:81-255;0", SOURCE_UNUSABLE, "expected Name;Attributes"},
    {SOURCE_PASSWORD, "A;;0;secret", SOURCE_UNUSABLE, "is not known"},
    {SOURCE_PASSWORD, "A;Target:0,Engine:81-255;0;x", SOURCE_UNUSABLE, "not the first"},
    {SOURCE_PASSWORD, "A;Engine:81-255,Container:X;0;x", SOURCE_UNUSABLE, "X is no type"},
    {SOURCE_PASSWORD, "A;Engine:81-255;2;61", SOURCE_UNUSABLE, "neither 0 nor 1"},
    {SOURCE_PASSWORD, "A;Engine:81-255;1;6", SOURCE_UNUSABLE, "hexadecimal digits"},
    {SOURCE_PASSWORD, "A;Engine:81-255;1;6g", SOURCE_UNUSABLE, "hexadecimal digits"},
    {SOURCE_PASSWORD, "A;Engine:81-255;0;", SOURCE_UNUSABLE, "empty"},
    {SOURCE_PASSWORD, "A;Engine:81-255;1;", SOURCE_UNUSABLE, "empty"},

    {SOURCE_MAGIC, "0:0:504b0304:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_USED, NULL},
    {SOURCE_MAGIC, "0:4:504b0304:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP:1:255", SOURCE_USED, NULL},
    {SOURCE_MAGIC, "1:0:50??0?{2}?4:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_USED, NULL},
    {SOURCE_MAGIC, "0:0:504b:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP:300", SOURCE_SKIPPED, NULL},
    {SOURCE_MAGIC, "0:0:504b:ZIP:CL_TYPE_ANY", SOURCE_UNUSABLE, "expected 6 fields"},
    {SOURCE_MAGIC, "4:0:504b:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "kinds 0 and 1"},
    {SOURCE_MAGIC, "0:0:504b:ZIP:CL_TYPE_PDF:CL_TYPE_ZIP", SOURCE_UNUSABLE, "depends on another"},
    {SOURCE_MAGIC, "0:0:504b:ZIP:CL_TYPE_ANY:CL_TYPE_X", SOURCE_UNUSABLE, "CL_TYPE_X is no type"},
    {SOURCE_MAGIC, "0:0:504b:ZIP:CL_TYPE_ANY:CL_TYPE_IGNORED", SOURCE_UNUSABLE, "changes nothing"},
    {SOURCE_MAGIC, "1:*:504b:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "at a fixed place"},
    {SOURCE_MAGIC, "1:EOF-4:504b:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "at a fixed place"},
    {SOURCE_MAGIC, "0:1023:504b:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "too far"},
    {SOURCE_MAGIC, "0:99999999999:504b:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "too far"},
    {SOURCE_MAGIC, "1:0:50*4b:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "at one place"},
    {SOURCE_MAGIC, "1:0:??4b:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "at one place"},
    {SOURCE_MAGIC, "1:0:50{99}4b:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "at one place"},
    {SOURCE_MAGIC, "0:0::ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "at one place"},
    {SOURCE_MAGIC, "0:0:5:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP", SOURCE_UNUSABLE, "at one place"},

    {SOURCE_ICON, "anything", SOURCE_UNUSABLE, "does not use icons"},
    {SOURCE_PHISHING, "R:a:b", SOURCE_UNUSABLE, "does not use phishing hosts"},
    {SOURCE_OLD_MEMBER, "x", SOURCE_UNUSABLE, "does not use"},
};

/* Whether the builder counts lines of the kind. */
static bool source_is_counted(enum source_kind kind)
{
    return kind != SOURCE_THREAT && kind != SOURCE_IGNORE && kind != SOURCE_PASSWORD &&
           kind != SOURCE_MAGIC;
}

Test(source, every_form_of_line)
{
    for (size_t i = 0; i < ARRAY_LEN(source_cases); i++) {
        const struct source_case *row = &source_cases[i];
        struct source_fixture fixture;
        char reason[SOURCE_REASON_CAP] = "";

        source_open(&fixture);
        cr_expect_eq(source_take(&fixture.source, row->kind, slice_from_str(row->line), reason),
                     row->status, "%s: %s", row->line, reason);
        cr_expect_eq(reason[0] != '\0',
                     row->status == SOURCE_UNUSABLE || row->status == SOURCE_SLOW, "%s: %s",
                     row->line, reason);
        if (source_is_counted(row->kind)) {
            cr_expect_eq(match_builder_len(fixture.source.builder) == 1,
                         row->status == SOURCE_USED || row->status == SOURCE_SLOW, "%s", row->line);
        }
        if (row->reason != NULL) {
            cr_expect(strstr(reason, row->reason) != NULL, "%s: %s", row->line, reason);
        }
        source_close(&fixture);
    }
}

Test(source, a_nul_byte_and_a_long_name_are_refused)
{
    struct source_fixture fixture;
    char reason[SOURCE_REASON_CAP] = "";
    char line[SOURCE_NAME_MAX + 32];

    source_open(&fixture);
    cr_assert_eq(source_take(&fixture.source, SOURCE_BODY, SLICE_OF("A\0B:0:*:41424344"), reason),
                 SOURCE_UNUSABLE);
    cr_assert_str_eq(reason, "the line holds a NUL byte");

    memset(line, 'n', sizeof(line));
    memcpy(line + SOURCE_NAME_MAX, ":0:*:41424344", 14);
    cr_assert_eq(source_take(&fixture.source, SOURCE_BODY, slice_from_str(line), reason),
                 SOURCE_USED);
    memcpy(line + SOURCE_NAME_MAX, "n:0:*:41424344", 15);
    cr_assert_eq(source_take(&fixture.source, SOURCE_BODY, slice_from_str(line), reason),
                 SOURCE_UNUSABLE);
    source_close(&fixture);
}

Test(source, reasons_are_plain_ascii_whatever_the_line_holds)
{
    static const char separators[] = ":;,=/*-0123456789&|()#";
    struct source_fixture fixture;
    uint32_t state = 1;

    source_open(&fixture);
    for (unsigned round = 0; round < 60000; round++) {
        const enum source_kind kind = (enum source_kind)(round % SOURCE_KINDS);
        uint8_t line[64];
        char reason[SOURCE_REASON_CAP] = "";

        if (!source_is_lines(kind)) {
            continue;
        }
        for (size_t i = 0; i < sizeof(line); i++) {
            state = state * 1664525 + 1013904223;
            line[i] = state >> 16 & 1
                          ? (uint8_t)separators[(state >> 20) % (sizeof(separators) - 1)]
                          : (uint8_t)(state >> 24);
        }
        cr_assert_geq(
            source_take(&fixture.source, kind, slice_from(line, state % sizeof(line)), reason), 0);
        for (const char *c = reason; *c != '\0'; c++) {
            cr_assert(*c >= 0x20 && *c <= 0x7e);
        }
    }
    source_close(&fixture);
}

Test(source, a_logical_signature_has_64_parts_and_no_more)
{
    for (unsigned parts = 64; parts <= 66; parts++) {
        struct source_fixture fixture;
        char reason[SOURCE_REASON_CAP] = "";
        char line[4096];
        size_t len = (size_t)snprintf(line, sizeof(line), "A;Engine:51-255,Target:0;");

        for (unsigned i = 0; i < parts; i++) {
            len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%u", i ? "&" : "", i);
        }
        for (unsigned i = 0; i < parts; i++) {
            len += (size_t)snprintf(line + len, sizeof(line) - len, ";4d41524b4552%02x%02x", i, i);
        }
        source_open(&fixture);
        cr_assert_eq(source_take(&fixture.source, SOURCE_LOGICAL, slice_from(line, len), reason),
                     parts == 64 ? SOURCE_USED : SOURCE_UNUSABLE, "%u: %s", parts, reason);
        source_close(&fixture);
    }
}

/* ---- Ignore lists ---- */

static int source_take_str(const struct source_fixture *fixture, enum source_kind kind,
                           const char *line)
{
    char reason[SOURCE_REASON_CAP] = "";

    return source_take(&fixture->source, kind, slice_from_str(line), reason);
}

Test(ignore, names_are_ignored_in_every_kind)
{
    static const struct {
        enum source_kind kind;
        const char *ignored;
        const char *kept;
    } rows[] = {
        {SOURCE_BODY, "Bad.Name:0:*:41424344", "Bad.Name2:0:*:41424344"},
        {SOURCE_HASH, H32 ":10:Bad.Name", H32 ":10:bad.name"},
        {SOURCE_ALLOW, H32 ":10:Bad.Name", H32 ":10:Bad"},
        {SOURCE_LOGICAL, "Bad.Name;Engine:51-255,Target:0;0;41424344",
         "Bad.Nam;Engine:51-255,Target:0;0;41424344"},
        {SOURCE_SECTION_HASH, "10:" H32 ":Bad.Name", "10:" H32 ":x"},
        {SOURCE_IMPORTS_HASH, H32 ":10:Bad.Name", H32 ":10:x"},
        {SOURCE_PLAIN, "Bad.Name=41424344", "x=41424344"},
        {SOURCE_MEMBER, "Bad.Name:*:*:x:*:*:*:*:*:*", "x:*:*:Bad.Name:*:*:*:*:*:*"},
        {SOURCE_PASSWORD, "Bad.Name;Engine:51-255;0;x", "x;Engine:51-255;0;Bad.Name"},
    };
    struct source_fixture fixture;

    source_open(&fixture);
    cr_assert_eq(source_take_str(&fixture, SOURCE_IGNORE, "Bad.Name"), SOURCE_USED);
    cr_assert_eq(source_take_str(&fixture, SOURCE_IGNORE, "daily.ndb:17:Other"), SOURCE_USED);
    cr_assert(ignore_has_name(&fixture.ignore, SLICE_OF("Other")));
    cr_assert_not(ignore_has_name(&fixture.ignore, SLICE_OF("daily.ndb")));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_eq(source_take_str(&fixture, rows[i].kind, rows[i].ignored), SOURCE_SKIPPED, "%s",
                     rows[i].ignored);
        cr_expect_eq(source_take_str(&fixture, rows[i].kind, rows[i].kept), SOURCE_USED, "%s",
                     rows[i].kept);
    }
    source_close(&fixture);
}

Test(ignore, a_line_is_told_by_its_md5)
{
    static const char line[] = "Name:0:*:41424344";
    struct source_fixture fixture;
    uint8_t md5[EVP_MAX_MD_SIZE];
    char entry[64] = "Name:";

    source_open(&fixture);
    cr_assert_eq(EVP_Digest(line, strlen(line), md5, NULL, EVP_md5(), NULL), 1);
    for (size_t i = 0; i < IGNORE_DIGEST_LEN; i++) {
        (void)snprintf(entry + 5 + i * 2, 3, i % 2 ? "%02x" : "%02X", md5[i]);
    }
    cr_assert_eq(source_take_str(&fixture, SOURCE_IGNORE, entry), SOURCE_USED);
    cr_assert_eq(source_take_str(&fixture, SOURCE_BODY, line), SOURCE_SKIPPED);
    cr_assert_eq(source_take_str(&fixture, SOURCE_BODY, "Name:0:*:41424345"), SOURCE_USED);
    cr_assert_not(ignore_has_name(&fixture.ignore, SLICE_OF("Name")));
    cr_assert_eq(source_take_str(&fixture, SOURCE_IGNORE, "Name"), SOURCE_USED);
    cr_assert_eq(source_take_str(&fixture, SOURCE_BODY, "Name:0:*:41424345"), SOURCE_SKIPPED);
    source_close(&fixture);
}

Test(ignore, many_names)
{
    struct source_fixture fixture;
    char name[32];

    source_open(&fixture);
    for (unsigned i = 0; i < 5000; i += 2) {
        (void)snprintf(name, sizeof(name), "Name.%u", i);
        cr_assert_eq(source_take_str(&fixture, SOURCE_IGNORE, name), SOURCE_USED);
    }
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof(name), "Name.%u", i);
        cr_assert_eq(ignore_has_line(&fixture.ignore, slice_from_str(name), SLICE_OF("x")),
                     i % 2 == 0);
    }
    source_close(&fixture);
}

Test(source, without_an_ignore_list_nothing_is_ignored)
{
    struct source source = {0};
    char reason[SOURCE_REASON_CAP] = "";

    cr_assert_eq(match_builder_new(&source.builder), 0);
    cr_assert_eq(source_take(&source, SOURCE_BODY, SLICE_OF("A:0:*:41424344"), reason),
                 SOURCE_USED);
    match_builder_free(source.builder);
}
