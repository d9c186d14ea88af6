rule a{strings:$a="abc" xor(1-3) wide ascii $b=/x(y|z){2,3}[a-c]?\x41$/is $="q\"\\" condition:for 2 of ($*):($ at 3 and #>1) or for any i in (1..#a):(@a[i]<filesize\2) or 50% of them}
