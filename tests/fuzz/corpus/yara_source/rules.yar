import "pe"
private rule is_elf { condition: uint32(0) == 0x464c457f }
rule a : t1 t2 { meta: x="y" n=-3 b=true strings: $a="abc\x41\"d" nocase wide ascii fullword $b={ 4D 5A [2-4] ?? (41|42 43) ~44 [4] 4? 90 } $c=/foo(bar|baz)+[0-9]{3}qu?ux/i $d="xorme" xor(1-3) $e="base64me" base64 $f = "tail" condition: is_elf and 2 of ($a,$b,$c) and ($d or $e) and $f at 9 and filesize < 10KB }
rule b { strings: $x1="x1x1" $x2="x2x2" $y = "yyyy" condition: for any of ($x*): (# > 2) and #y in (1..5) > 1 }
rule cert { condition: uint16(0) == 0x5A4D and for any i in (0..pe.number_of_signatures): (pe.signatures[i].subject contains "AND LLC" and (pe.signatures[i].serial == "77:01:9a:08" or pe.signatures[i].serial == "77:01:9a:08:23:85:e4:b7:3f:56:95:69:c9:f8:7b:b8") and 1308182400 <= pe.signatures[i].not_after)}
rule never { condition: false and filesize > 3 }
rule small { condition: uint16be(0) == 0x4D5A or uint32(0) == 0x464c457f and filesize < 3 }
