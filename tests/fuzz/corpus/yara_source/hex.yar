global rule h { strings: $h = { 4D ?? 5A [2-4] ( 41 | 42 [1] (43|??) | 44 [2-3] 45 ) ~46 [-] /* x */ 4? [9-] ?1 // y
 } condition: $h at 0 and uint32be(0) == 0x4d5a9000 }
