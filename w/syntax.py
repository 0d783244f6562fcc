def net(:
