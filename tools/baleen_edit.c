/* SPDX-License-Identifier: MIT */
#include "tools/baleen_edit.h"

#include "base/text.h"

#include <yaml.h>

/* Deeper than any section of the configuration. */
#define EDIT_DEPTH_MAX 16

/* Where the innermost section of the key stands that is there at all. */
struct edit_section {
    bool known;
    bool is_flow;
    bool is_null;  /* Nothing, or ~, stands behind its colon. */
    bool is_empty; /* {} */
    size_t path_len;
    size_t indent; /* Of its keys, in block style. */
    size_t from;   /* Flow: behind the brace. Null: the value. */
    size_t to;     /* Null: end of the value. Block: end of its last value. */
};

/* Places are libyaml's: they count characters. Only what is used in the end is turned into bytes.
 */
struct edit {
    yaml_parser_t parser;
    yaml_event_t event;
    struct slice text;
    const char *key;
    bool found;
    size_t from; /* The value of the key. */
    size_t to;
    size_t last; /* End of the last value passed. */
    struct edit_section section;
};

static size_t edit_offset(struct slice text, size_t index)
{
    size_t at = 0;

    for (; at < text.len && index > 0; index--) {
        at++;
        while (at < text.len && (text.ptr[at] & 0xc0) == 0x80) {
            at++;
        }
    }
    return at;
}

static bool edit_next(struct edit *edit)
{
    yaml_event_delete(&edit->event);
    if (!yaml_parser_parse(&edit->parser, &edit->event)) {
        memset(&edit->event, 0, sizeof(edit->event));
        return false;
    }
    return true;
}

/* Passes over the node that the current event begins. Afterwards `last` is where it ends. */
static bool edit_skip(struct edit *edit)
{
    unsigned depth = 0;

    while (true) {
        const yaml_event_t *event = &edit->event;
        bool begins =
            event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
        bool ends = event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;

        /* A block has no end of its own: its last value is it. */
        if (!ends || event->start_mark.index != event->end_mark.index) {
            edit->last = event->end_mark.index;
        }
        depth += begins;
        depth -= ends;
        if (depth == 0) {
            return true;
        }
        if (!edit_next(edit)) {
            return false;
        }
    }
}

static bool edit_event_is_null(const yaml_event_t *event)
{
    struct slice value;

    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    value = slice_from(event->data.scalar.value, event->data.scalar.length);
    return value.len == 0 || slice_equal(value, SLICE_OF("~")) ||
           slice_equal(value, SLICE_OF("null"));
}

/* Remembers a section without a map behind its colon. */
static void edit_note_null(struct edit *edit, size_t path_len)
{
    if (!edit->section.known || path_len > edit->section.path_len) {
        edit->section = (struct edit_section){.known = true,
                                              .is_null = true,
                                              .path_len = path_len,
                                              .from = edit->event.start_mark.index,
                                              .to = edit->event.end_mark.index};
    }
}

/*
 * Reads the value of `name`, whose event is the next; `path_len` bytes of the key are the path of
 * the section that it is in.
 * `*out_path_len` is that of the section to go down into, 0 for none.
 */
static bool edit_read_value(struct edit *edit, struct slice name, size_t path_len,
                            size_t *out_path_len)
{
    const char *wanted = edit->key + path_len;
    bool starts = strncmp(wanted, (const char *)name.ptr, name.len) == 0;
    bool is_key = starts && wanted[name.len] == '\0';
    bool is_section = starts && wanted[name.len] == '.';

    *out_path_len = 0;
    if (!edit_next(edit)) {
        return false;
    }
    if (is_section && edit->event.type == YAML_MAPPING_START_EVENT) {
        *out_path_len = path_len + name.len + 1;
        return true;
    }
    if (is_section && edit_event_is_null(&edit->event)) {
        edit_note_null(edit, path_len + name.len + 1);
    }
    if (is_key) {
        edit->from = edit->event.start_mark.index;
    }
    if (!edit_skip(edit)) {
        return false;
    }
    if (is_key) {
        edit->found = true;
        edit->to = edit->last;
    }
    return true;
}

/* Reads the map that the current event begins. */
static bool edit_read_section(struct edit *edit, size_t path_len, unsigned depth)
{
    struct edit_section section = {
        .known = true,
        .is_empty = true,
        .is_flow = edit->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
        .path_len = path_len,
        .from = edit->event.end_mark.index,
    };

    if (depth == EDIT_DEPTH_MAX) {
        return false;
    }
    while (edit_next(edit)) {
        char block[256];
        struct slice name;
        size_t inner_len = 0;

        if (edit->event.type == YAML_MAPPING_END_EVENT) {
            section.to = edit->last;
            if (section.is_flow) {
                edit->last = edit->event.end_mark.index;
            }
            if (!edit->section.known || path_len >= edit->section.path_len) {
                edit->section = section;
            }
            return true;
        }
        if (edit->event.type != YAML_SCALAR_EVENT ||
            edit->event.data.scalar.length >= sizeof(block)) {
            return false;
        }
        /* The event goes away with the next one. */
        name = slice_from(block, edit->event.data.scalar.length);
        memcpy(block, edit->event.data.scalar.value, name.len);
        section.indent = edit->event.start_mark.column;
        section.is_empty = false;
        if (!edit_read_value(edit, name, path_len, &inner_len) ||
            (inner_len > 0 && !edit_read_section(edit, inner_len, depth + 1))) {
            return false;
        }
    }
    return false;
}

/* False when it is no map at all. */
static bool edit_read(struct edit *edit)
{
    /* Start of the stream, start of the document, first node; or the end of an empty stream. */
    for (unsigned i = 0; i < 3; i++) {
        if (!edit_next(edit)) {
            return false;
        }
        if (edit->event.type == YAML_STREAM_END_EVENT) {
            return true;
        }
    }
    if (edit_event_is_null(&edit->event)) {
        return true;
    }
    return edit->event.type == YAML_MAPPING_START_EVENT && edit_read_section(edit, 0, 0);
}

/* "trickle: {after: 5s}" for what is missing of the path. */
static void edit_put_entry(const char *rest, const char *value, struct text *out)
{
    unsigned braces = 0;

    for (; *rest != '\0'; rest++) {
        if (*rest == '.') {
            TEXT_PUT(out, ": {");
            braces++;
        } else {
            text_put(out, rest, 1);
        }
    }
    TEXT_PUT(out, ": ");
    text_put_str(out, value);
    for (; braces > 0; braces--) {
        TEXT_PUT(out, "}");
    }
}

/* Copies the text with the bytes between two places replaced by `text`. */
static void edit_put_instead(struct slice yaml, size_t from, size_t to, struct slice text,
                             struct text *out)
{
    text_put(out, yaml.ptr, from);
    text_put_slice(out, text);
    text_put_slice(out, slice_skip(yaml, to));
}

/* Adds the key as the last of a block section: on a line of its own. */
static void edit_put_line(const struct edit *edit, const char *entry, struct text *out)
{
    struct slice yaml = edit->text;
    size_t at = edit_offset(yaml, edit->section.to);
    char block[1024];
    struct text line = text_over(block, sizeof(block));

    if (yaml.len > 0 && (at == 0 || yaml.ptr[at - 1] != '\n')) {
        at += slice_find(slice_skip(yaml, at), '\n');
        /* The last line may lack its end. */
        if (at == yaml.len) {
            TEXT_PUT(&line, "\n");
        } else {
            at++;
        }
    }
    for (size_t i = 0; i < edit->section.indent; i++) {
        TEXT_PUT(&line, " ");
    }
    text_put(out, yaml.ptr, at);
    text_put_slice(out, text_slice(&line));
    text_put_str(out, entry);
    TEXT_PUT(out, "\n");
    text_put_slice(out, slice_skip(yaml, at));
    out->overflowed |= line.overflowed;
}

static void edit_put_found(const struct edit *edit, const char *value, struct text *out)
{
    size_t from = edit_offset(edit->text, edit->from);
    size_t to = edit_offset(edit->text, edit->to);

    text_put(out, edit->text.ptr, from);
    /* Nothing stood behind the colon, or a list began on a line of its own. */
    text_put_str(out, from > 0 && edit->text.ptr[from - 1] == ':' ? " " : "");
    text_put_str(out, value);
    text_put_str(out, to > from && edit->text.ptr[to - 1] == '\n' ? "\n" : "");
    text_put_slice(out, slice_skip(edit->text, to));
}

static void edit_put_missing(const struct edit *edit, const char *value, struct text *out)
{
    static char block[64 * 1024];
    struct text entry = text_over(block, sizeof(block) - 1);
    const struct edit_section *section = &edit->section;
    size_t from = edit_offset(edit->text, section->from);

    if (section->known && section->is_null) {
        TEXT_PUT(&entry, " {");
    }
    edit_put_entry(edit->key + section->path_len, value, &entry);
    if (section->known && section->is_null) {
        TEXT_PUT(&entry, "}");
        edit_put_instead(edit->text, from, edit_offset(edit->text, section->to), text_slice(&entry),
                         out);
    } else if (section->known && section->is_flow) {
        text_put_str(&entry, section->is_empty ? "" : ", ");
        edit_put_instead(edit->text, from, from, text_slice(&entry), out);
    } else {
        block[entry.len] = '\0';
        edit_put_line(edit, block, out);
    }
    out->overflowed |= entry.overflowed;
}

bool baleen_edit_set(struct slice yaml, const char *key, const char *value, struct text *out)
{
    struct edit edit = {.text = yaml, .key = key};
    bool good = false;

    if (!yaml_parser_initialize(&edit.parser)) {
        return false;
    }
    yaml_parser_set_encoding(&edit.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&edit.parser, yaml.ptr, yaml.len);
    good = edit_read(&edit);
    yaml_event_delete(&edit.event);
    yaml_parser_delete(&edit.parser);
    if (!good) {
        return false;
    }
    if (!edit.section.known) {
        /* A file of comments: the key becomes its last line. */
        edit.section.to = yaml.len;
    }
    if (edit.found) {
        edit_put_found(&edit, value, out);
    } else {
        edit_put_missing(&edit, value, out);
    }
    return true;
}
