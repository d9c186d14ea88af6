/* SPDX-License-Identifier: MIT */
/*
 * Pages, style sheets, scripts and JSON are a head, then units as long as there is room, then a
 * comment (or a string) that is as long as what is left, then a tail.
 */
#include "base/assert.h"
#include "bench/load/load_make.h"
#include "bench/load/load_prose.h"

#define LOAD_UNIT_CAP KIB(8)

/* Room for any front, head and marker. */
#define LOAD_FRONT_MIN KIB(2)

struct load_page {
    const char *front; /* Left out of a small page. */
    const char *head;
    const char *const *units; /* The first ones more often. */
    size_t units_len;
    const char *pad; /* Begins the comment, */
    const char *end; /* which this ends, and the page. */
    bool marker;     /* Stands behind the head. */
};

static void load_page_fill(struct load_make *make, const struct load_page *page)
{
    struct text *out = &make->out;
    const size_t end_len = strlen(page->pad) + strlen(page->end);
    const size_t limit = out->cap - MIN_OF(out->cap, end_len);
    char block[LOAD_UNIT_CAP];

    if (limit > LOAD_FRONT_MIN) {
        load_prose_put_form(out, &make->random, page->front);
    }
    load_prose_put_form(out, &make->random, page->head);
    if (page->marker && make->marker.len > 0) {
        load_make_put_marker_page(out, make->marker);
    }
    for (;;) {
        struct text unit = text_over(block, sizeof(block));
        const uint32_t a = load_random_below(&make->random, (uint32_t)page->units_len);
        const uint32_t b = load_random_below(&make->random, (uint32_t)page->units_len);

        load_prose_put_form(&unit, &make->random, page->units[MIN_OF(a, b)]);
        ASSERT(!unit.overflowed);
        if (out->len + unit.len > limit) {
            break;
        }
        text_put_slice(out, text_slice(&unit));
    }
    text_put_str(out, page->pad);
    load_prose_fill_line(out, &make->random, out->cap - strlen(page->end));
    text_put_str(out, page->end);
}

/* RFC 4648, section 4. */
static void load_page_put_base64(struct text *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (; bytes.len > 0; bytes = slice_skip(bytes, MIN_OF(bytes.len, (size_t)3))) {
        uint32_t group = 0;

        for (size_t i = 0; i < 3; i++) {
            group = group << 8 | (i < bytes.len ? bytes.ptr[i] : 0);
        }
        for (size_t i = 0; i < 4; i++) {
            text_put(out, i <= bytes.len ? &digits[group >> (18 - 6 * i) & 63] : "=", 1);
        }
    }
}

void load_make_put_marker_page(struct text *out, struct slice marker)
{
    TEXT_PUT(out, "<!-- ");
    text_put_slice(out, marker);
    TEXT_PUT(out, " -->\n<a href=\"data:text/plain;base64,");
    load_page_put_base64(out, marker);
    TEXT_PUT(out, "\">.</a>\n");
}

void load_make_html(struct load_make *make)
{
    static const char *const units[] = {
        "<p>$s $s $s</p>\n",
        "<p class=\"$c\">$s <a href=\"$u\">$w $w</a> $s</p>\n",
        "<li class=\"$c\"><a href=\"$u\" title=\"$t\">$t</a></li>\n",
        "<div class=\"$c $c\">\n  <h2 id=\"s$N\">$t</h2>\n  <p>$s $s <em>$w $w</em> $w "
        "<strong>$w</strong>. $s</p>\n</div>\n",
        "<article class=\"$c\">\n  <header><h3><a href=\"$u\">$t</a></h3>\n"
        "  <span class=\"$c\">$n&nbsp;$W 20$n &middot; $w</span></header>\n"
        "  <img src=\"/images$u.jpg\" alt=\"$t\" width=\"6$n\" height=\"4$n\" loading=\"lazy\">\n"
        "  <p>$s $s &ldquo;$s&rdquo; $s</p>\n  <a class=\"$c\" href=\"$u\">$W $w &raquo;</a>\n"
        "</article>\n",
        "<section class=\"$c\" data-id=\"$x\"><div class=\"$c\"><div class=\"$c\">\n"
        "  <ul>\n    <li><a href=\"$u\">$t</a></li>\n    <li><a href=\"$u\">$t</a></li>\n"
        "    <li><a href=\"$u\">$t</a></li>\n  </ul>\n</div></div></section>\n",
        "<div class=\"share\"><ul class=\"share__list\"><li class=\"share__item\">"
        "<a class=\"share__link\" rel=\"noopener nofollow\" target=\"_blank\" "
        "href=\"https://social.example/share?url=https%3A%2F%2Fwww.$w.example%2F$N\">"
        "<svg class=\"icon\" aria-hidden=\"true\"><use xlink:href=\"#icon-share\"></use></svg>"
        "<span class=\"visually-hidden\">Share this page</span></a></li>"
        "<li class=\"share__item\"><a class=\"share__link\" href=\"mailto:?subject=$W\">"
        "<svg class=\"icon\" aria-hidden=\"true\"><use xlink:href=\"#icon-mail\"></use></svg>"
        "<span class=\"visually-hidden\">Send this page by mail</span></a></li></ul></div>\n",
        "<!-- $w $w $n -->\n",
        "<blockquote cite=\"https://www.$w.example$u\"><p>$s</p></blockquote>\n",
        "<figure class=\"$c\"><img src=\"data:image/gif;base64,"
        "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7\" data-src=\"$u-$nx$n.png\" "
        "srcset=\"$u-480.jpg 480w, $u-960.jpg 960w\" alt=\"\">\n"
        "<figcaption>$s &copy; $W $W</figcaption></figure>\n",
        "<table class=\"$c\"><tr><th>$W</th><th>$W</th><th>$W</th></tr>\n"
        "<tr><td>$w</td><td>$N</td><td>$n,$n &euro;</td></tr>\n"
        "<tr><td>$w</td><td>$N</td><td>$n,$n &euro;</td></tr>\n"
        "<tr><td>$w</td><td>$N</td><td>$n,$n &euro;</td></tr></table>\n",
        "<form action=\"$u\" method=\"post\"><label for=\"$w\">$W</label>"
        "<input type=\"text\" name=\"$w\" placeholder=\"$t\" value=\"\">"
        "<input type=\"hidden\" name=\"token\" value=\"$x$x$x$x\">"
        "<button class=\"$c\" type=\"submit\">$W</button></form>\n",
        "<script>window.$w=window.$w||[];$w.push({event:'$w',id:$N,path:'$u'});"
        "(function($i,$i){var $i=$i.createElement('script');$i.async=1;$i.src='$u.js?v=$x';"
        "$i.head.appendChild($i);})(window,document);</script>\n",
        "<svg class=\"$c\" viewBox=\"0 0 24 24\"><path d=\"M$n $nL$n.$n $n.$nc-$n.$n 0-$n 1.$n-$n "
        "$nV$nh$nv$nH$nz\"/></svg>\n",
        "<script type=\"application/ld+json\">{\"@context\":\"https://schema.org\",\"@type\":"
        "\"Article\",\"headline\":\"$t\",\"datePublished\":\"2026-01-$n\",\"author\":{\"@type\":"
        "\"Person\",\"name\":\"$W $W\"},\"description\":\"$s\"}</script>\n",
    };
    static const struct load_page page = {
        "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n"
        "<meta name=\"description\" content=\"$s\">\n"
        "<link rel=\"canonical\" href=\"https://www.$w.example$u\">\n"
        "<link rel=\"stylesheet\" href=\"/assets$u.css?v=$x\">\n"
        "<link rel=\"icon\" href=\"/favicon.ico\">\n"
        "<script src=\"/assets$u.js?v=$x\" defer></script>\n"
        "<style>body{margin:0;color:$h;background:$h}.$c{display:none}</style>\n",
        "<title>$t</title>\n</head>\n<body class=\"$c\">\n<header><nav><a href=\"/\">$W</a>"
        "<a href=\"$u\">$W</a></nav></header>\n<main>\n",
        units,
        ARRAY_LEN(units),
        "</main>\n<!-- ",
        " -->\n</body>\n</html>\n",
        true,
    };

    make->type = "text/html; charset=utf-8";
    make->basename = "page";
    make->suffix = ".html";
    text_printf(&make->out, "<!DOCTYPE html>\n<html lang=\"en\" id=\"p%llx\">\n<head>\n",
                (unsigned long long)make->number);
    load_page_fill(make, &page);
}

void load_make_css(struct load_make *make)
{
    static const char *const units[] = {
        ".$c{display:flex;padding:$npx $npx;color:$h}\n",
        ".$c .$c,.$c:hover{margin:0 $npx $npx;background-color:$h;border:1px solid $h}\n",
        ".$c>li{float:left;width:$n%;font-size:1.$nrem;line-height:1.$n}\n",
        "#$w .$c{position:absolute;top:$npx;left:$npx;z-index:$n}\n",
        ".$c::before{content:\"\";background:url(/images$u.svg) no-repeat 0 -$npx}\n",
        ".$c{transition:opacity .$ns ease-in-out,transform .$ns;opacity:.$n}\n",
        "@media (max-width:$n0px){.$c{display:none}.$c{width:100%;padding:0 $npx}}\n",
        ".$c{box-shadow:0 $npx $npx rgba($n,$n,$n,.$n);border-radius:$npx}\n",
        "/* $W $w */\n",
        "@font-face{font-family:\"$W\";src:url(/fonts$u.woff2);font-display:swap}\n",
        ":root{--$w-$w:$h;--$w:$npx}\n",
        "@keyframes $w{0%{transform:rotate(0)}$n%{opacity:.$n}to{transform:rotate($ndeg)}}\n",
    };
    static const struct load_page page = {
        "@charset \"utf-8\";\n",
        "*,::after,::before{box-sizing:border-box}\nbody{margin:0;font:1$npx/1.$n $w,sans-serif}\n",
        units,
        ARRAY_LEN(units),
        "/* ",
        " */\n",
        false,
    };

    make->type = "text/css";
    make->basename = "style";
    make->suffix = ".css";
    text_printf(&make->out, "/* %llx */\n", (unsigned long long)make->number);
    load_page_fill(make, &page);
}

void load_make_script(struct load_make *make)
{
    static const char *const units[] = {
        "function $i$n($i,$i){var $i=$i.$w;return $i.$w($i)?$i[\"$w\"]:$n}",
        "var $i$n=function($i){$i.$w=$i.$w||{};$i.$w.$w=$N;return this.$w($i)};",
        "if(!$i.$w){$i.$w=!0;$i($i,\"$w\",$n)}else{$i.$w($i.$w+$n)}",
        "$i.prototype.$w=function($i,$i){for(var $i=0;$i<$i.length;$i++)this.$w($i[$i],$n)};\n",
        "try{$i.$w(JSON.parse($i.$w))}catch($i){console.warn(\"$t\",$i)}",
        "$i.$w={$w:\"$w\",$w:$N,$w:[$n,$n,$n],$w:function(){return $i$n}};\n",
        "const {$w:$i,$w:$i}=await import(\"$u.js\");",
        "document.querySelectorAll(\".$c\").forEach($i=>$i.addEventListener(\"click\",$i=>{"
        "$i.preventDefault(),$i(`$u/$${$i.$w}`)}));\n",
        "switch($i){case $n:return $i.$w;case $n:$i=$i.$w($i);break;default:throw new "
        "Error(\"$s\")}",
        "export default class $W extends $W{constructor($i){super($i),this.$w=$i.$w,"
        "this.$w=new Map([[\"$w\",$N],[\"$w\",$N]])}get $w(){return this.$w.size}}\n",
        "// $s\n",
        "let $i$n=/^[a-z]{$n}(-$w)?$$/i.test($i)?\"$h\":\"\\u00$n\";",
    };
    static const struct load_page page = {
        "/* $t, $W $W, 20$n */\n",
        "!function($i,$i){\"use strict\";var $i=$i.$w||{},$i={};\n",
        units,
        ARRAY_LEN(units),
        "\n/* ",
        " */}(window,document);\n",
        false,
    };

    make->type = "text/javascript";
    make->basename = "app";
    make->suffix = ".js";
    text_printf(&make->out, "/*! %llx */", (unsigned long long)make->number);
    load_page_fill(make, &page);
}

void load_make_json(struct load_make *make)
{
    static const char *const units[] = {
        ",{\"id\":$N,\"name\":\"$W $W\",\"active\":true,\"score\":$n.$N}",
        ",{\"id\":$N,\"title\":\"$t\",\"url\":\"https://$w.example$u\",\"tags\":[\"$w\"]}",
        ",{\"id\":$N,\"type\":\"$w\",\"position\":{\"lat\":$n.$N,\"lon\":-$n.$N},\"parent\":null}",
        ",{\"id\":$N,\"text\":\"$s $s\",\"created\":\"2026-02-1$nT1$n:00:00Z\",\"by\":$N}",
        ",{\"id\":$N,\"values\":[$N,$N,$N,$N],\"hash\":\"$x$x$x$x\",\"deleted\":false}",
    };
    static const struct load_page page = {
        "\"version\":\"$n.$n\",\"source\":\"https://api.$w.example$u\",",
        "\"title\":\"$t\",\"items\":[{\"id\":0,\"name\":\"$w\"}",
        units,
        ARRAY_LEN(units),
        "],\"note\":\"",
        "\"}\n",
        false,
    };

    make->type = "application/json";
    make->basename = "feed";
    make->suffix = ".json";
    text_printf(&make->out, "{\"number\":%llu,", (unsigned long long)make->number);
    load_page_fill(make, &page);
}
