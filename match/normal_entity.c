/* SPDX-License-Identifier: MIT */
#include "match/normal_entity.h"

#include "base/macro.h"

#include <assert.h>
#include <string.h>

struct entity {
    char name[NORMAL_ENTITY_MAX];
    uint16_t code;
};

/* Ordered by length, then by the bytes of the name. */
static const struct entity entities[] = {
    /* clang-format off */
    {"Gg", 0x22d9}, {"Gt", 0x226b}, {"Ll", 0x22d8}, {"Lt", 0x226a}, {"Mu", 0x039c}, {"Nu", 0x039d},
    {"Pi", 0x03a0}, {"Xi", 0x039e}, {"ap", 0x2248}, {"gE", 0x2267}, {"ge", 0x2265}, {"gl", 0x2277},
    {"gt", 0x003e}, {"lE", 0x2266}, {"le", 0x2264}, {"lg", 0x2276}, {"lt", 0x003c}, {"mu", 0x03bc},
    {"ne", 0x2260}, {"ni", 0x220b}, {"nu", 0x03bd}, {"oS", 0x24c8}, {"or", 0x2228}, {"pi", 0x03c0},
    {"pr", 0x227a}, {"rx", 0x211e}, {"sc", 0x227b}, {"xi", 0x03be}, {"Acy", 0x0410},
    {"Bcy", 0x0411}, {"Cap", 0x22d2}, {"Chi", 0x03a7}, {"Cup", 0x22d3}, {"Dcy", 0x0414},
    {"Dot", 0x00a8}, {"ETH", 0x00d0}, {"Ecy", 0x042d}, {"Eta", 0x0397}, {"Fcy", 0x0424},
    {"Gcy", 0x0413}, {"Icy", 0x0418}, {"Jcy", 0x0419}, {"Kcy", 0x041a}, {"Lcy", 0x041b},
    {"Mcy", 0x041c}, {"Ncy", 0x041d}, {"Ocy", 0x041e}, {"Pcy", 0x041f}, {"Phi", 0x03a6},
    {"Psi", 0x03a8}, {"Rcy", 0x0420}, {"Rho", 0x03a1}, {"Scy", 0x0421}, {"Sub", 0x22d0},
    {"Sup", 0x22d1}, {"Tau", 0x03a4}, {"Tcy", 0x0422}, {"Ucy", 0x0423}, {"Vcy", 0x0412},
    {"Ycy", 0x042b}, {"Zcy", 0x0417}, {"acy", 0x0430}, {"amp", 0x0026}, {"and", 0x2227},
    {"ang", 0x2220}, {"ape", 0x224a}, {"ast", 0x002a}, {"bcy", 0x0431}, {"cap", 0x2229},
    {"chi", 0x03c7}, {"cir", 0x25cb}, {"cup", 0x222a}, {"dcy", 0x0434}, {"deg", 0x00b0},
    {"die", 0x00a8}, {"dot", 0x02d9}, {"ecy", 0x044d}, {"egs", 0x2a96}, {"ell", 0x2113},
    {"els", 0x2a95}, {"eta", 0x03b7}, {"eth", 0x00f0}, {"fcy", 0x0444}, {"gEl", 0x2a8c},
    {"gap", 0x2a86}, {"gcy", 0x0433}, {"gel", 0x22db}, {"ges", 0x2a7e}, {"icy", 0x0438},
    {"iff", 0x21d4}, {"int", 0x222b}, {"jcy", 0x0439}, {"kcy", 0x043a}, {"lEg", 0x2a8b},
    {"lap", 0x2a85}, {"lcy", 0x043b}, {"leg", 0x22da}, {"les", 0x2a7d}, {"loz", 0x25ca},
    {"lrm", 0x200e}, {"mcy", 0x043c}, {"mid", 0x2223}, {"ncy", 0x043d}, {"not", 0x00ac},
    {"num", 0x0023}, {"ocy", 0x043e}, {"ohm", 0x2126}, {"par", 0x2225}, {"pcy", 0x043f},
    {"phi", 0x03c6}, {"piv", 0x03d6}, {"pre", 0x2aaf}, {"psi", 0x03c8}, {"rcy", 0x0440},
    {"reg", 0x00ae}, {"rho", 0x03c1}, {"rlm", 0x200f}, {"sce", 0x2ab0}, {"scy", 0x0441},
    {"shy", 0x00ad}, {"sim", 0x223c}, {"sol", 0x002f}, {"squ", 0x25a1}, {"sub", 0x2282},
    {"sum", 0x2211}, {"sup", 0x2283}, {"tau", 0x03c4}, {"tcy", 0x0442}, {"top", 0x22a4},
    {"ucy", 0x0443}, {"uml", 0x00a8}, {"vcy", 0x0432}, {"ycy", 0x044b}, {"yen", 0x00a5},
    {"zcy", 0x0437}, {"zwj", 0x200d}, {"Auml", 0x00c4}, {"Beta", 0x0392}, {"CHcy", 0x0427},
    {"DJcy", 0x0402}, {"DScy", 0x0405}, {"DZcy", 0x040f}, {"Euml", 0x00cb}, {"GJcy", 0x0403},
    {"IEcy", 0x0415}, {"IOcy", 0x0401}, {"Iota", 0x0399}, {"Iuml", 0x00cf}, {"KHcy", 0x0425},
    {"KJcy", 0x040c}, {"LJcy", 0x0409}, {"NJcy", 0x040a}, {"Ouml", 0x00d6}, {"SHcy", 0x0428},
    {"TScy", 0x0426}, {"Upsi", 0x03d2}, {"Uuml", 0x00dc}, {"YAcy", 0x042f}, {"YIcy", 0x0407},
    {"YUcy", 0x042e}, {"Yuml", 0x0178}, {"ZHcy", 0x0416}, {"Zeta", 0x0396}, {"apos", 0x0027},
    {"auml", 0x00e4}, {"beta", 0x03b2}, {"beth", 0x2136}, {"boxH", 0x2550}, {"boxV", 0x2551},
    {"boxh", 0x2500}, {"boxv", 0x2502}, {"bsim", 0x223d}, {"bsol", 0x005c}, {"bull", 0x2022},
    {"bump", 0x224e}, {"cent", 0x00a2}, {"chcy", 0x0447}, {"circ", 0x02c6}, {"cire", 0x2257},
    {"comp", 0x2201}, {"cong", 0x2245}, {"copy", 0x00a9}, {"dArr", 0x21d3}, {"darr", 0x2193},
    {"dash", 0x2010}, {"diam", 0x22c4}, {"djcy", 0x0452}, {"dscy", 0x0455}, {"dtri", 0x25bf},
    {"dzcy", 0x045f}, {"eDot", 0x2251}, {"ecir", 0x2256}, {"emsp", 0x2003}, {"ensp", 0x2002},
    {"epsi", 0x03f5}, {"euml", 0x00eb}, {"euro", 0x20ac}, {"excl", 0x0021}, {"flat", 0x266d},
    {"fnof", 0x0192}, {"fork", 0x22d4}, {"gjcy", 0x0453}, {"gsim", 0x2273}, {"hArr", 0x21d4},
    {"half", 0x00bd}, {"harr", 0x2194}, {"iecy", 0x0435}, {"iocy", 0x0451}, {"iota", 0x03b9},
    {"isin", 0x2208}, {"iuml", 0x00ef}, {"khcy", 0x0445}, {"kjcy", 0x045c}, {"lArr", 0x21d0},
    {"lang", 0x2329}, {"larr", 0x2190}, {"lcub", 0x007b}, {"ljcy", 0x0459}, {"lozf", 0x29eb},
    {"lpar", 0x0028}, {"lsim", 0x2272}, {"lsqb", 0x005b}, {"ltri", 0x25c3}, {"macr", 0x00af},
    {"male", 0x2642}, {"malt", 0x2720}, {"mldr", 0x2026}, {"nbsp", 0x00a0}, {"njcy", 0x045a},
    {"nldr", 0x2025}, {"nsub", 0x2284}, {"oast", 0x229b}, {"ocir", 0x229a}, {"odot", 0x2299},
    {"ogon", 0x02db}, {"ordf", 0x00aa}, {"ordm", 0x00ba}, {"osol", 0x2298}, {"ouml", 0x00f6},
    {"para", 0x00b6}, {"part", 0x2202}, {"perp", 0x22a5}, {"phiv", 0x03c6}, {"plus", 0x002b},
    {"prap", 0x2ab7}, {"prod", 0x220f}, {"prop", 0x221d}, {"quot", 0x0022}, {"rArr", 0x21d2},
    {"rang", 0x232a}, {"rarr", 0x2192}, {"rcub", 0x007d}, {"real", 0x211c}, {"rect", 0x25ad},
    {"rhov", 0x03f1}, {"ring", 0x02da}, {"rpar", 0x0029}, {"rsqb", 0x005d}, {"rtri", 0x25b9},
    {"scap", 0x2ab8}, {"sdot", 0x22c5}, {"sect", 0x00a7}, {"semi", 0x003b}, {"sext", 0x2736},
    {"shcy", 0x0448}, {"sime", 0x2243}, {"smid", 0x2223}, {"spar", 0x2225}, {"squf", 0x25aa},
    {"star", 0x2606}, {"subE", 0x2ac5}, {"sube", 0x2286}, {"sung", 0x266a}, {"sup1", 0x00b9},
    {"sup2", 0x00b2}, {"sup3", 0x00b3}, {"supE", 0x2ac6}, {"supe", 0x2287}, {"tdot", 0x20db},
    {"trie", 0x225c}, {"tscy", 0x0446}, {"uArr", 0x21d1}, {"uarr", 0x2191}, {"upsi", 0x03c5},
    {"utri", 0x25b5}, {"uuml", 0x00fc}, {"yacy", 0x044f}, {"yicy", 0x0457}, {"yucy", 0x044e},
    {"yuml", 0x00ff}, {"zeta", 0x03b6}, {"zhcy", 0x0436}, {"zwnj", 0x200c}, {"AElig", 0x00c6},
    {"Acirc", 0x00c2}, {"Alpha", 0x0391}, {"Aring", 0x00c5}, {"Delta", 0x0394}, {"Ecirc", 0x00ca},
    {"Gamma", 0x0393}, {"Icirc", 0x00ce}, {"Iukcy", 0x0406}, {"Jukcy", 0x0404}, {"Kappa", 0x039a},
    {"OElig", 0x0152}, {"Ocirc", 0x00d4}, {"Omega", 0x03a9}, {"Prime", 0x2033}, {"Sigma", 0x03a3},
    {"THORN", 0x00de}, {"TSHcy", 0x040b}, {"Theta", 0x0398}, {"Ubrcy", 0x040e}, {"Ucirc", 0x00db},
    {"Vdash", 0x22a9}, {"acirc", 0x00e2}, {"acute", 0x00b4}, {"aelig", 0x00e6}, {"aleph", 0x2135},
    {"alpha", 0x03b1}, {"amalg", 0x2a3f}, {"angst", 0x212b}, {"aring", 0x00e5}, {"asymp", 0x2248},
    {"bcong", 0x224c}, {"bdquo", 0x201e}, {"bepsi", 0x03f6}, {"blank", 0x2423}, {"blk12", 0x2592},
    {"blk14", 0x2591}, {"blk34", 0x2593}, {"block", 0x2588}, {"boxDL", 0x2557}, {"boxDR", 0x2554},
    {"boxDl", 0x2556}, {"boxDr", 0x2553}, {"boxHD", 0x2566}, {"boxHU", 0x2569}, {"boxHd", 0x2564},
    {"boxHu", 0x2567}, {"boxUL", 0x255d}, {"boxUR", 0x255a}, {"boxUl", 0x255c}, {"boxUr", 0x2559},
    {"boxVH", 0x256c}, {"boxVL", 0x2563}, {"boxVR", 0x2560}, {"boxVh", 0x256b}, {"boxVl", 0x2562},
    {"boxVr", 0x255f}, {"boxdL", 0x2555}, {"boxdR", 0x2552}, {"boxdl", 0x2510}, {"boxdr", 0x250c},
    {"boxhD", 0x2565}, {"boxhU", 0x2568}, {"boxhd", 0x252c}, {"boxhu", 0x2534}, {"boxuL", 0x255b},
    {"boxuR", 0x2558}, {"boxul", 0x2518}, {"boxur", 0x2514}, {"boxvH", 0x256a}, {"boxvL", 0x2561},
    {"boxvR", 0x255e}, {"boxvh", 0x253c}, {"boxvl", 0x2524}, {"boxvr", 0x251c}, {"breve", 0x02d8},
    {"bsime", 0x22cd}, {"bumpe", 0x224f}, {"caret", 0x2041}, {"caron", 0x02c7}, {"cedil", 0x00b8},
    {"check", 0x2713}, {"clubs", 0x2663}, {"colon", 0x003a}, {"comma", 0x002c}, {"crarr", 0x21b5},
    {"cross", 0x2717}, {"cuepr", 0x22de}, {"cuesc", 0x22df}, {"cuvee", 0x22ce}, {"cuwed", 0x22cf},
    {"dashv", 0x22a3}, {"dblac", 0x02dd}, {"delta", 0x03b4}, {"diams", 0x2666}, {"dtrif", 0x25be},
    {"ecirc", 0x00ea}, {"efDot", 0x2252}, {"empty", 0x2205}, {"epsiv", 0x03b5}, {"equiv", 0x2261},
    {"erDot", 0x2253}, {"esdot", 0x2250}, {"exist", 0x2203}, {"fflig", 0xfb00}, {"filig", 0xfb01},
    {"fllig", 0xfb02}, {"frasl", 0x2044}, {"frown", 0x2322}, {"gamma", 0x03b3}, {"gimel", 0x2137},
    {"grave", 0x0060}, {"icirc", 0x00ee}, {"iexcl", 0x00a1}, {"image", 0x2111}, {"infin", 0x221e},
    {"iukcy", 0x0456}, {"jukcy", 0x0454}, {"kappa", 0x03ba}, {"laquo", 0x00ab}, {"lceil", 0x2308},
    {"ldquo", 0x201c}, {"lhblk", 0x2584}, {"lsquo", 0x2018}, {"ltrie", 0x22b4}, {"ltrif", 0x25c2},
    {"mdash", 0x2014}, {"micro", 0x00b5}, {"minus", 0x2212}, {"nabla", 0x2207}, {"natur", 0x266e},
    {"ndash", 0x2013}, {"notin", 0x2209}, {"numsp", 0x2007}, {"ocirc", 0x00f4}, {"odash", 0x229d},
    {"oelig", 0x0153}, {"oline", 0x203e}, {"omega", 0x03c9}, {"oplus", 0x2295}, {"order", 0x2134},
    {"phone", 0x260e}, {"plusb", 0x229e}, {"pound", 0x00a3}, {"prime", 0x2032}, {"prsim", 0x227e},
    {"quest", 0x003f}, {"radic", 0x221a}, {"raquo", 0x00bb}, {"rceil", 0x2309}, {"rdquo", 0x201d},
    {"rsquo", 0x2019}, {"rtrie", 0x22b5}, {"rtrif", 0x25b8}, {"sbquo", 0x201a}, {"sccue", 0x227d},
    {"scsim", 0x227f}, {"sdotb", 0x22a1}, {"setmn", 0x2216}, {"sharp", 0x266f}, {"sigma", 0x03c3},
    {"smile", 0x2323}, {"sqcap", 0x2293}, {"sqcup", 0x2294}, {"sqsub", 0x228f}, {"sqsup", 0x2290},
    {"starf", 0x2605}, {"szlig", 0x00df}, {"theta", 0x03b8}, {"thkap", 0x2248}, {"thorn", 0x00fe},
    {"tilde", 0x02dc}, {"times", 0x00d7}, {"trade", 0x2122}, {"tshcy", 0x045b}, {"twixt", 0x226c},
    {"ubrcy", 0x045e}, {"ucirc", 0x00fb}, {"uhblk", 0x2580}, {"uplus", 0x228e}, {"upsih", 0x03d2},
    {"utrif", 0x25b4}, {"vDash", 0x22a8}, {"vdash", 0x22a2}, {"vltri", 0x22b2}, {"vprop", 0x221d},
    {"vrtri", 0x22b3}, {"xcirc", 0x25ef}, {"xdtri", 0x25bd}, {"xutri", 0x25b3}, {"Aacute", 0x00c1},
    {"Agrave", 0x00c0}, {"Atilde", 0x00c3}, {"Barwed", 0x2306}, {"Ccedil", 0x00c7},
    {"Dagger", 0x2021}, {"DotDot", 0x20dc}, {"Eacute", 0x00c9}, {"Egrave", 0x00c8},
    {"HARDcy", 0x042a}, {"Iacute", 0x00cd}, {"Igrave", 0x00cc}, {"Jsercy", 0x0408},
    {"Lambda", 0x039b}, {"Ntilde", 0x00d1}, {"Oacute", 0x00d3}, {"Ograve", 0x00d2},
    {"Oslash", 0x00d8}, {"Otilde", 0x00d5}, {"SHCHcy", 0x0429}, {"SOFTcy", 0x042c},
    {"Scaron", 0x0160}, {"Uacute", 0x00da}, {"Ugrave", 0x00d9}, {"Verbar", 0x2016},
    {"Vvdash", 0x22aa}, {"Yacute", 0x00dd}, {"aacute", 0x00e1}, {"agrave", 0x00e0},
    {"angmsd", 0x2221}, {"angsph", 0x2222}, {"atilde", 0x00e3}, {"barwed", 0x2305},
    {"becaus", 0x2235}, {"bernou", 0x212c}, {"bottom", 0x22a5}, {"bowtie", 0x22c8},
    {"bprime", 0x2035}, {"brvbar", 0x00a6}, {"ccedil", 0x00e7}, {"colone", 0x2254},
    {"commat", 0x0040}, {"compfn", 0x2218}, {"conint", 0x222e}, {"coprod", 0x2210},
    {"copysr", 0x2117}, {"curren", 0x00a4}, {"dagger", 0x2020}, {"daleth", 0x2138},
    {"divide", 0x00f7}, {"divonx", 0x22c7}, {"dlcorn", 0x231e}, {"dlcrop", 0x230d},
    {"dollar", 0x0024}, {"drcorn", 0x231f}, {"drcrop", 0x230c}, {"eacute", 0x00e9},
    {"ecolon", 0x2255}, {"egrave", 0x00e8}, {"emsp13", 0x2004}, {"emsp14", 0x2005},
    {"equals", 0x003d}, {"female", 0x2640}, {"ffilig", 0xfb03}, {"ffllig", 0xfb04},
    {"forall", 0x2200}, {"frac12", 0x00bd}, {"frac13", 0x2153}, {"frac14", 0x00bc},
    {"frac15", 0x2155}, {"frac16", 0x2159}, {"frac18", 0x215b}, {"frac23", 0x2154},
    {"frac25", 0x2156}, {"frac34", 0x00be}, {"frac35", 0x2157}, {"frac38", 0x215c},
    {"frac45", 0x2158}, {"frac56", 0x215a}, {"frac58", 0x215d}, {"frac78", 0x215e},
    {"gammad", 0x03dd}, {"hairsp", 0x200a}, {"hamilt", 0x210b}, {"hardcy", 0x044a},
    {"hearts", 0x2665}, {"hellip", 0x2026}, {"horbar", 0x2015}, {"hybull", 0x2043},
    {"hyphen", 0x2010}, {"iacute", 0x00ed}, {"igrave", 0x00ec}, {"incare", 0x2105},
    {"inodot", 0x0131}, {"intcal", 0x22ba}, {"iquest", 0x00bf}, {"jsercy", 0x0458},
    {"kappav", 0x03f0}, {"lagran", 0x2112}, {"lambda", 0x03bb}, {"ldquor", 0x201e},
    {"lfloor", 0x230a}, {"lowast", 0x2217}, {"lowbar", 0x005f}, {"lsaquo", 0x2039},
    {"lsquor", 0x201a}, {"lthree", 0x22cb}, {"ltimes", 0x22c9}, {"marker", 0x25ae},
    {"middot", 0x00b7}, {"minusb", 0x229f}, {"mnplus", 0x2213}, {"models", 0x22a7},
    {"nexist", 0x2204}, {"ntilde", 0x00f1}, {"numero", 0x2116}, {"oacute", 0x00f3},
    {"ograve", 0x00f2}, {"ominus", 0x2296}, {"oslash", 0x00f8}, {"otilde", 0x00f5},
    {"otimes", 0x2297}, {"percnt", 0x0025}, {"period", 0x002e}, {"permil", 0x2030},
    {"phmmat", 0x2133}, {"planck", 0x210f}, {"plusdo", 0x2214}, {"plusmn", 0x00b1},
    {"puncsp", 0x2008}, {"rdquor", 0x201d}, {"rfloor", 0x230b}, {"rpargt", 0x2994},
    {"rsaquo", 0x203a}, {"rsquor", 0x2019}, {"rthree", 0x22cc}, {"rtimes", 0x22ca},
    {"scaron", 0x0161}, {"sfrown", 0x2322}, {"shchcy", 0x0449}, {"sigmaf", 0x03c2},
    {"sigmav", 0x03c2}, {"softcy", 0x044c}, {"spades", 0x2660}, {"sqsube", 0x2291},
    {"sqsupe", 0x2292}, {"square", 0x25a1}, {"ssetmn", 0x2216}, {"ssmile", 0x2323},
    {"sstarf", 0x22c6}, {"target", 0x2316}, {"telrec", 0x2315}, {"there4", 0x2234},
    {"thetav", 0x03d1}, {"thinsp", 0x2009}, {"thksim", 0x223c}, {"timesb", 0x22a0},
    {"tprime", 0x2034}, {"uacute", 0x00fa}, {"ugrave", 0x00f9}, {"ulcorn", 0x231c},
    {"ulcrop", 0x230f}, {"urcorn", 0x231d}, {"urcrop", 0x230e}, {"veebar", 0x22bb},
    {"vellip", 0x22ee}, {"verbar", 0x007c}, {"wedgeq", 0x2259}, {"weierp", 0x2118},
    {"wreath", 0x2240}, {"yacute", 0x00fd}, {"Epsilon", 0x0395}, {"Omicron", 0x039f},
    {"Upsilon", 0x03a5}, {"alefsym", 0x2135}, {"epsilon", 0x03b5}, {"omicron", 0x03bf},
    {"upsilon", 0x03c5}, {"thetasym", 0x03d1},
    /* clang-format on */
};

/* The letters as one number, the first one highest. */
static uint64_t entity_key(const struct entity *entity)
{
    uint64_t key;

    memcpy(&key, entity->name, sizeof(key));
    return __builtin_bswap64(key);
}

static unsigned entity_len(uint64_t word)
{
    return (unsigned)(sizeof(word) - (size_t)__builtin_clzll(word) / 8);
}

uint16_t normal_entity_find(uint64_t word)
{
    /* Where the names of so many letters begin, and where the last ones end. */
    static const uint16_t firsts[NORMAL_ENTITY_MAX + 2] = {0,   0,   0,   28,  136,
                                                           293, 483, 654, 661, 662};

    if (word == 0) {
        return 0;
    }
    const unsigned len = entity_len(word);
    const uint64_t key = word << 8 * (NORMAL_ENTITY_MAX - len);
    unsigned low = firsts[len];
    unsigned high = firsts[len + 1];

    while (low < high) {
        const unsigned middle = low + (high - low) / 2;
        const uint64_t found = entity_key(&entities[middle]);

        if (found == key) {
            return entities[middle].code;
        }
        if (found < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 0;
}
