/* SPDX-License-Identifier: MIT */
#include "bench/load/load_prose.h"

#include <stdbool.h>
#include <string.h>

/* Longer than any sentence: 22 words of at most 15 bytes and five phrases. */
#define LOAD_SENTENCE_CAP 512

/* By how often they are used: those that hold sentences together first. */
static const char *const load_words[] = {
    /* clang-format off */
    "the", "of", "and", "to", "a", "in", "is", "that", "for", "it", "was", "on", "with", "as", "be",
    "at", "by", "this", "from", "are", "or", "had", "not", "but", "they", "which", "have", "an",
    "were", "his", "their", "all", "one", "we", "there", "been", "has", "when", "more", "no", "if",
    "out", "so", "up", "said", "what", "its", "about", "than", "into", "them", "can", "only",
    "other", "time", "new", "some", "could", "these", "two", "may", "then", "do", "first", "any",
    "my", "now", "such", "like", "our", "over", "me", "even", "most", "made", "after", "also",
    "did", "many", "before", "must", "through", "back", "years", "where", "much", "your", "way",
    "well", "down", "should", "because", "each", "just", "those", "people", "how", "too", "little",
    "state", "good", "very", "make", "world", "still", "own", "see", "work", "long", "get", "here",
    "between", "both", "life", "being", "under", "never", "day", "same", "another", "know", "while",
    "last", "might", "us", "great", "old", "year", "off", "come", "since", "against", "go", "came",
    "right", "used", "take", "three", "water", "ship", "harbour", "whale", "coast", "captain",
    "island", "north", "south", "winter", "summer", "morning", "evening", "night", "light", "wind",
    "storm", "weather", "season", "voyage", "cargo", "crew", "deck", "sail", "rope", "anchor",
    "chart", "compass", "port", "tide", "current", "wave", "shore", "beach", "cliff", "river",
    "valley", "mountain", "forest", "field", "village", "town", "city", "street", "road", "bridge",
    "house", "door", "window", "room", "table", "chair", "paper", "letter", "book", "page", "line",
    "word", "story", "voice", "song", "music", "picture", "colour", "blue", "green", "white",
    "black", "grey", "yellow", "small", "large", "heavy", "deep", "cold", "warm", "quiet", "early",
    "late", "young", "strong", "clear", "open", "empty", "whole", "half", "several", "often",
    "seldom", "always", "perhaps", "almost", "nearly", "quite", "rather", "together", "alone",
    "again", "later", "sooner", "already", "within", "without", "beyond", "across", "along",
    "around", "behind", "below", "above", "beside", "during", "until", "although", "however",
    "therefore", "instead", "among", "toward", "master", "sailor", "merchant", "farmer", "teacher",
    "doctor", "writer", "painter", "builder", "worker", "owner", "guest", "friend", "brother",
    "sister", "mother", "father", "child", "children", "family", "neighbour", "stranger",
    "company", "office", "market", "price", "money", "trade", "business", "service", "customer",
    "order", "account", "report", "record", "number", "figure", "measure", "weight", "length",
    "speed", "power", "force", "heat", "steam", "engine", "machine", "wheel", "iron", "copper",
    "silver", "stone", "wood", "glass", "cloth", "leather", "bread", "salt", "sugar", "coffee",
    "oil", "fish", "meat", "fruit", "garden", "flower", "tree", "leaf", "root", "seed", "bird",
    "horse", "dog", "cat", "sheep", "cattle", "animal", "nature", "earth", "sky", "cloud", "rain",
    "snow", "ice", "fire", "smoke", "dust", "sand", "mud", "grass", "corn", "wheat", "network",
    "system", "server", "client", "request", "answer", "message", "content", "traffic", "signal",
    "channel", "provider", "operator", "subscriber", "connection", "address", "domain", "filter",
    "policy", "rule", "limit", "queue", "buffer", "memory", "storage", "process", "thread",
    "module", "library", "version", "release", "update", "change", "problem", "solution", "example",
    "reason", "question", "method", "result", "value", "table", "column", "index", "search",
    "find", "found", "look", "looked", "read", "write", "wrote", "written", "speak", "spoke",
    "tell", "told", "ask", "asked", "answered", "think", "thought", "believe", "remember",
    "forget", "learn", "learned", "teach", "show", "shown", "hold", "held", "keep", "kept",
    "leave", "left", "carry", "carried", "bring", "brought", "send", "sent", "give", "gave",
    "given", "taken", "receive", "received", "build", "built", "break", "broken", "open", "closed",
    "begin", "began", "finish", "finished", "follow", "followed", "reach", "reached", "arrive",
    "arrived", "return", "returned", "depart", "travel", "cross", "climb", "fall", "fallen",
    "rise", "risen", "stand", "stood", "walk", "walked", "run", "sleep", "wake", "wait", "waited",
    "watch", "watched", "listen", "hear", "heard", "feel", "felt", "seem", "seemed", "appear",
    "become", "became", "remain", "remained", "happen", "happened", "allow", "allowed", "refuse",
    "refused", "agree", "agreed", "decide", "decided", "choose", "chosen", "prefer", "expect",
    "expected", "hope", "fear", "trust", "doubt", "prove", "proved", "explain", "describe",
    "described", "compare", "compared", "measured", "counted", "considered", "required",
    "provided", "produced", "prepared", "protected", "published", "registered", "replaced",
    "reported", "resolved", "selected", "separate", "similar", "simple", "single", "special",
    "standard", "sufficient", "suitable", "technical", "temporary", "thorough", "traditional",
    "typical", "unusual", "useful", "usual", "various", "visible", "western", "eastern",
    "northern", "southern", "central", "common", "complete", "complex", "constant", "current",
    "daily", "weekly", "monthly", "annual", "direct", "distant", "double", "electric", "equal",
    "exact", "familiar", "final", "foreign", "formal", "former", "free", "frequent", "full",
    "general", "gentle", "gradual", "hidden", "high", "honest", "human", "important", "increasing",
    "individual", "internal", "involved", "known", "local", "low", "main", "major", "minor",
    "modern", "moral", "mutual", "narrow", "natural", "necessary", "normal", "obvious", "official",
    "ordinary", "original", "particular", "past", "patient", "personal", "physical", "plain",
    "pleasant", "popular", "possible", "practical", "present", "previous", "private", "probable",
    "proper", "public", "pure", "rapid", "rare", "ready", "real", "recent", "regular", "relative",
    "reliable", "remarkable", "remote", "rough", "round", "safe", "second", "secret", "secure",
    "sensible", "serious", "severe", "sharp", "short", "silent", "slight", "slow", "smooth",
    "social", "soft", "solid", "steady", "straight", "strange", "strict", "sudden", "sweet",
    "thick", "thin", "tight", "total", "true", "uncertain", "unknown", "urgent", "vast", "violent",
    "vital", "weak", "wide", "wild", "wise", "lighthouse", "navigation", "observation",
    "temperature", "pressure", "direction", "distance", "position", "condition", "expedition",
    "collection", "description", "development", "difference", "discussion", "distribution",
    "education", "equipment", "government", "history", "imagination", "improvement", "industry",
    "information", "instrument", "investigation", "knowledge", "language", "literature",
    "management", "material", "meeting", "movement", "opinion", "opportunity", "organisation",
    "passage", "performance", "permission", "population", "preparation", "principle", "production",
    "profession", "property", "protection", "quality", "quantity", "quarter", "relation",
    "repair", "research", "science", "section", "security", "society", "statement", "structure",
    "subject", "success", "surface", "telegraph", "territory", "transport", "treatment",
    "university", "vessel", "warehouse",
    /* clang-format on */
};

/* What is said in one breath; makes text repeat itself as text does. */
static const char *const load_phrases[64] = {
    /* clang-format off */
    "of the", "in the", "to the", "on the", "and the", "for the", "at the", "from the", "with the",
    "by the", "it was", "it is", "there was", "there is", "that the", "as well as", "one of the",
    "some of the", "most of the", "the end of the", "at the same time", "for the first time",
    "in order to", "as soon as", "as long as", "more than", "less than", "a number of",
    "according to", "because of", "instead of", "in front of", "on the other hand",
    "in the middle of", "at the beginning of", "has been", "have been", "had been", "would be",
    "could be", "should be", "will be", "may be", "is not", "was not", "did not", "does not",
    "so that", "such as", "each of them", "all of them", "a little", "a great deal of",
    "from time to time", "as far as", "out of", "up to", "into the", "over the", "under the",
    "the same", "the other", "the first", "after a while",
    /* clang-format on */
};

/* Which word a draw of 12 bits means; filled in once. */
#define LOAD_WORD_BITS 12
static uint16_t load_word_slots[1 << LOAD_WORD_BITS];
static bool load_words_ready;

/* A word at rank r has a share of 1 / (r + 5), and at least one slot. */
static void load_words_prepare(void)
{
    const size_t slots = ARRAY_LEN(load_word_slots);
    uint64_t total = 0;
    uint64_t seen = 0;
    size_t slot = 0;

    for (size_t i = 0; i < ARRAY_LEN(load_words); i++) {
        total += (1U << 24) / (i + 5);
    }
    for (size_t i = 0; i < ARRAY_LEN(load_words); i++) {
        seen += (1U << 24) / (i + 5);
        do {
            load_word_slots[slot++] = (uint16_t)i;
        } while (slot < slots - (ARRAY_LEN(load_words) - 1 - i) && slot < seen * slots / total);
    }
    while (slot < slots) {
        load_word_slots[slot++] = 0;
    }
    load_words_ready = true;
}

static const char *load_word_by(uint64_t bits)
{
    if (UNLIKELY(!load_words_ready)) {
        load_words_prepare();
    }
    return load_words[load_word_slots[bits & (ARRAY_LEN(load_word_slots) - 1)]];
}

void load_prose_put_word(struct text *out, struct load_random *random)
{
    text_put_str(out, load_word_by(load_random_next(random)));
}

static void load_prose_put_title(struct text *out, const char *word)
{
    const char first = (char)(word[0] - 'a' + 'A');

    text_put(out, &first, 1);
    text_put_str(out, word + 1);
}

void load_prose_put_sentence(struct text *out, struct load_random *random)
{
    uint64_t bits = load_random_next(random);
    const unsigned words = 5 + (bits >> 56) % 17;
    const unsigned comma = 3 + (bits >> 48 & 15);

    load_prose_put_title(out, load_word_by(bits));
    for (unsigned i = 1; i < words; i++) {
        text_put_str(out, i == comma ? ", " : " ");
        bits >>= LOAD_WORD_BITS;
        if (i % 5 == 0 || i == 3) {
            bits = load_random_next(random);
            text_put_str(out, load_phrases[bits >> 58]);
            TEXT_PUT(out, " ");
        }
        text_put_str(out, load_word_by(bits));
    }
    TEXT_PUT(out, ".");
}

/* Sentences and what stands between them, up to `to`. */
static void load_prose_fill_with(struct text *out, struct load_random *random, size_t to,
                                 const char *end)
{
    char block[LOAD_SENTENCE_CAP];
    unsigned left = 4;

    while (out->len < to) {
        struct text sentence = text_over(block, sizeof(block));

        load_prose_put_sentence(&sentence, random);
        left = left == 0 ? 2 + (sentence.len & 3) : left - 1;
        text_put_str(&sentence, left == 0 ? end : " ");
        text_put(out, sentence.ptr, MIN_OF(sentence.len, to - out->len));
    }
}

void load_prose_fill_line(struct text *out, struct load_random *random, size_t to)
{
    load_prose_fill_with(out, random, to, " ");
}

void load_prose_fill(struct text *out, struct load_random *random, size_t to)
{
    load_prose_fill_with(out, random, to, "\n\n");
}

static void load_prose_put_path(struct text *out, struct load_random *random)
{
    const unsigned parts = 1 + load_random_below(random, 3);

    for (unsigned i = 0; i < parts; i++) {
        TEXT_PUT(out, "/");
        load_prose_put_word(out, random);
    }
    if (load_random_below(random, 2) == 0) {
        text_printf(out, "-%u", load_random_below(random, 10000));
    }
}

static void load_prose_put_identifier(struct text *out, struct load_random *random)
{
    static const char letters[] = "etnriaosculdpmhgfbyvkxwzjqETNRIAOSC";
    const uint64_t bits = load_random_next(random);

    text_put(out, &letters[(bits >> 8) % (sizeof(letters) - 1)], 1);
    if ((bits & 3) == 0) {
        text_put(out, &letters[(bits >> 20) % (sizeof(letters) - 1)], 1);
    }
}

static void load_prose_put_phrase(struct text *out, struct load_random *random)
{
    const unsigned words = 1 + load_random_below(random, 4);

    load_prose_put_title(out, load_word_by(load_random_next(random)));
    for (unsigned i = 0; i < words; i++) {
        TEXT_PUT(out, " ");
        load_prose_put_word(out, random);
    }
}

static void load_prose_put_class(struct text *out, struct load_random *random)
{
    static const char *const parts[] = {"nav",  "item",  "card", "list", "header", "footer",
                                        "link", "title", "body", "row",  "col",    "button",
                                        "icon", "media", "wrap", "grid", "menu",   "teaser"};
    static const char *const states[] = {"--active", "--small", "--large", "--first"};
    const uint64_t bits = load_random_next(random);

    text_put_str(out, parts[bits % ARRAY_LEN(parts)]);
    if ((bits >> 32 & 1) != 0) {
        TEXT_PUT(out, "__");
        text_put_str(out, parts[(bits >> 40) % 6]);
    }
    if ((bits >> 33 & 3) == 0) {
        text_put_str(out, states[bits >> 62]);
    }
}

static void load_prose_put_field(struct text *out, struct load_random *random, char field)
{
    switch (field) {
    case 'w':
        load_prose_put_word(out, random);
        break;
    case 'W':
        load_prose_put_title(out, load_word_by(load_random_next(random)));
        break;
    case 's':
        load_prose_put_sentence(out, random);
        break;
    case 't':
        load_prose_put_phrase(out, random);
        break;
    case 'c':
        load_prose_put_class(out, random);
        break;
    case 'i':
        load_prose_put_identifier(out, random);
        break;
    case 'u':
        load_prose_put_path(out, random);
        break;
    case 'n':
        text_put_u64(out, load_random_below(random, 100));
        break;
    case 'N':
        text_put_u64(out, load_random_below(random, 1000000));
        break;
    case 'x':
        text_printf(out, "%08x", (unsigned)(load_random_next(random) >> 32));
        break;
    case 'h':
        text_printf(out, "#%06x", load_random_below(random, 1U << 24));
        break;
    default:
        text_put(out, &field, 1);
        break;
    }
}

void load_prose_put_form(struct text *out, struct load_random *random, const char *form)
{
    for (;;) {
        const size_t plain = strcspn(form, "$");

        text_put(out, form, plain);
        form += plain;
        if (form[0] == '\0' || form[1] == '\0') {
            return;
        }
        load_prose_put_field(out, random, form[1]);
        form += 2;
    }
}
